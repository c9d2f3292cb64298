// SPDX-License-Identifier: GPL-3.0-or-later
// Problems travel as a local exception-free value: every step returns its problem as text, empty when all is well.
#include "engine/data/conversation.h"

#include "engine/data/messages.h"

#include <utility>

namespace lorikeet::data {

namespace {

using Json = nlohmann::ordered_json;

SampleOrProblem problemOf(std::string text)
{
    return {std::nullopt, std::move(text), false};
}

SampleOrProblem emptyRow(std::string text)
{
    return {std::nullopt, std::move(text), true};
}

/// Last gate of all conversational formats: an assistant that says something.
SampleOrProblem finish(Conversation conversation)
{
    bool hasAssistant = false;
    for (std::size_t i = conversation.promptMessages; i < conversation.messages.size(); ++i) {
        const Json& message = conversation.messages[i];
        if (message.at("role") != "assistant")
            continue;
        hasAssistant = true;
        if (message.contains("tool_calls") || !isBlankText(message.value("content", "")) || message.contains("reasoning_content"))
            return {std::move(conversation), {}, false};
    }
    return emptyRow(hasAssistant ? "every answer of the assistant is empty" : "there is no message of the assistant");
}

/// Null, or the empty text that a table has in its place.
bool isAbsent(const Json& value)
{
    return value.is_null() || (value.is_string() && isBlankText(value.get_ref<const std::string&>()));
}

std::string addTools(const Json& row, Conversation& conversation)
{
    const auto found = row.find("tools");
    if (found == row.end() || isAbsent(*found))
        return {};
    conversation.tools = decodeJsonText(*found);
    if (conversation.tools.is_array() && conversation.tools.empty())
        conversation.tools = nullptr;
    return conversation.tools.is_array() || conversation.tools.is_null() ? std::string() : "\"tools\" is not a list";
}

std::string addSystem(const Json& row, Conversation& conversation)
{
    const auto found = row.find("system");
    if (found == row.end() || found->is_null())
        return {};
    if (!found->is_string())
        return "\"system\" is " + kindOf(*found) + ", text was expected";
    if (!isBlankText(found->get_ref<const std::string&>()))
        conversation.messages.push_back({{"role", "system"}, {"content", *found}});
    return {};
}

SampleOrProblem fromMessages(const Json& row, RowFormat format)
{
    for (const char* key : {"messages", "conversations", "conversation"}) {
        const auto found = row.find(key);
        if (found == row.end())
            continue;
        Conversation conversation;
        std::string problem = addTools(row, conversation);
        if (problem.empty() && format == RowFormat::ShareGpt)
            problem = addSystem(row, conversation);
        if (problem.empty())
            problem = appendMessages(*found, key, format, conversation.messages);
        if (!problem.empty())
            return problemOf(std::move(problem));
        if (conversation.messages.empty())
            return emptyRow("\"" + std::string(key) + "\" is an empty list");
        return finish(std::move(conversation));
    }
    return problemOf(format == RowFormat::ShareGpt ? "there is no \"conversations\"" : "there is no \"messages\"");
}

std::string addHistory(const Json& row, Conversation& conversation)
{
    const auto found = row.find("history");
    if (found == row.end() || isAbsent(*found))
        return {};
    if (!found->is_array())
        return "\"history\" is " + kindOf(*found) + ", a list of [user, assistant] pairs was expected";
    for (const Json& pair : *found) {
        if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string())
            return "\"history\" holds something that is not a [user, assistant] pair of texts";
        conversation.messages.push_back({{"role", "user"}, {"content", pair[0]}});
        conversation.messages.push_back({{"role", "assistant"}, {"content", pair[1]}});
    }
    return {};
}

SampleOrProblem fromAlpaca(const Json& row)
{
    Conversation conversation;
    std::string instruction, input, output;
    std::string problem = readText(row, "instruction", true, instruction);
    if (problem.empty())
        problem = readText(row, "input", false, input);
    if (problem.empty())
        problem = readText(row, "output", true, output);
    if (problem.empty())
        problem = addSystem(row, conversation);
    if (problem.empty())
        problem = addHistory(row, conversation);
    if (!problem.empty())
        return problemOf(std::move(problem));
    if (!isBlankText(input))
        instruction += (isBlankText(instruction) ? "" : "\n") + input;
    if (isBlankText(instruction))
        return emptyRow("\"instruction\" and \"input\" are empty");
    if (isBlankText(output))
        return emptyRow("\"output\" is empty");
    conversation.messages.push_back({{"role", "user"}, {"content", instruction}});
    conversation.messages.push_back({{"role", "assistant"}, {"content", output}});
    return finish(std::move(conversation));
}

SampleOrProblem fromPromptLists(const Json& row)
{
    Conversation conversation;
    std::string problem = addTools(row, conversation);
    if (problem.empty())
        problem = appendMessages(row.at("prompt"), "prompt", RowFormat::Messages, conversation.messages);
    conversation.promptMessages = conversation.messages.size();
    if (problem.empty())
        problem = appendMessages(row.at("completion"), "completion", RowFormat::Messages, conversation.messages);
    if (!problem.empty())
        return problemOf(std::move(problem));
    return finish(std::move(conversation));
}

SampleOrProblem fromPromptCompletion(const Json& row)
{
    if (row.contains("prompt") && row.contains("completion") && row.at("prompt").is_array() && row.at("completion").is_array())
        return fromPromptLists(row);
    PromptCompletion sample;
    std::string problem = readText(row, "prompt", true, sample.prompt);
    if (problem.empty())
        problem = readText(row, "completion", true, sample.completion);
    if (!problem.empty())
        return problemOf(std::move(problem));
    if (isBlankText(sample.completion))
        return emptyRow("\"completion\" is empty");
    return {std::move(sample), {}, false};
}

SampleOrProblem fromText(const Json& row)
{
    PlainText sample;
    if (row.is_string()) {
        sample.text = row.get<std::string>();
        if (decodeJsonText(row).is_object())
            return problemOf("the row is text that holds a JSON object (encoded twice?)");
    } else if (std::string problem = readText(row, "text", true, sample.text); !problem.empty()) {
        return problemOf(std::move(problem));
    }
    if (isBlankText(sample.text))
        return emptyRow("the text is empty");
    return {std::move(sample), {}, false};
}

}  // namespace

SampleOrProblem toSample(const Json& row, RowFormat format)
{
    if (format == RowFormat::Text && (row.is_string() || row.is_object()))
        return fromText(row);
    if (!row.is_object())
        return problemOf("the row is " + kindOf(row) + ", an object was expected");
    switch (format) {
    case RowFormat::Messages:
    case RowFormat::ShareGpt: return fromMessages(row, format);
    case RowFormat::Alpaca: return fromAlpaca(row);
    case RowFormat::PromptCompletion: return fromPromptCompletion(row);
    case RowFormat::Text: break;
    }
    return fromText(row);
}

}  // namespace lorikeet::data
