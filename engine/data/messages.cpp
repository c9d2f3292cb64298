// SPDX-License-Identifier: GPL-3.0-or-later
// Role names, contents and tool calls of both ways to write messages.
#include "engine/data/messages.h"

#include "engine/data/json_row.h"

#include <algorithm>
#include <array>
#include <utility>

namespace lorikeet::data {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 8> kRoles{"system", "developer", "user", "assistant", "tool", "function", "ipython", "context"};

/// ShareGPT's names (as LLaMA-Factory, Axolotl and TRL map them).
constexpr std::array<std::pair<std::string_view, std::string_view>, 15> kShareGptRoles{{
    {"system", "system"}, {"human", "user"}, {"user", "user"}, {"gpt", "assistant"}, {"assistant", "assistant"}, {"model", "assistant"},
    {"chatgpt", "assistant"}, {"bot", "assistant"}, {"bing", "assistant"}, {"bard", "assistant"}, {"tool", "tool"},
    {"observation", "tool"}, {"function_response", "tool"}, {"tool_response", "tool"}, {"function_call", "function_call"}}};

std::string itemOf(std::string_view key, std::size_t index)
{
    return "item " + std::to_string(index + 1) + " of \"" + std::string(key) + "\"";
}

/// Text of `content`: a string, or parts of type text joined.
std::string contentText(const Json& content, const std::string& item, std::string& text)
{
    if (content.is_string()) {
        text = content.get<std::string>();
        return {};
    }
    if (!content.is_array())
        return item + ": \"content\" is " + kindOf(content) + ", text was expected";
    for (const Json& part : content) {
        if (part.is_string())
            text += part.get<std::string>();
        else if (part.is_object() && part.contains("type") && part.at("type") == "text" && part.contains("text") && part.at("text").is_string())
            text += part.at("text").get<std::string>();
        else
            return item + ": \"content\" holds a part that is not text (images and sound cannot be trained on)";
    }
    return {};
}

/// OpenAI writes arguments as JSON text, templates expect the object.
std::string decodeToolCalls(Json& calls, const std::string& item)
{
    calls = decodeJsonText(calls);
    if (!calls.is_array())
        return item + ": \"tool_calls\" is " + kindOf(calls) + ", a list was expected";
    for (Json& call : calls) {
        if (!call.is_object())
            return item + ": \"tool_calls\" holds " + kindOf(call) + ", an object was expected";
        Json& function = call.contains("function") ? call["function"] : call;
        if (!function.is_object() || !function.contains("name"))
            return item + ": a tool call has no \"name\"";
        if (function.contains("arguments"))
            function["arguments"] = decodeJsonText(function["arguments"]);
    }
    return {};
}

std::string appendRoleMessage(const Json& message, const std::string& item, Json& messages)
{
    const auto role = message.find("role");
    if (role == message.end() || !role->is_string())
        return item + (message.contains("from") ? " has \"from\" and no \"role\" (format sharegpt?)" : " has no \"role\"");
    if (std::ranges::find(kRoles, role->get_ref<const std::string&>()) == kRoles.end())
        return item + " has the unknown role \"" + role->get<std::string>() + "\"";
    Json result = message;
    const bool hasCalls = result.contains("tool_calls") && !result["tool_calls"].is_null()
                          && !(result["tool_calls"].is_array() && result["tool_calls"].empty());
    if (hasCalls) {
        if (std::string problem = decodeToolCalls(result["tool_calls"], item); !problem.empty())
            return problem;
    } else {
        result.erase("tool_calls");
    }
    const auto content = result.find("content");
    if (content == result.end() || content->is_null()) {
        if (!hasCalls)
            return item + (content == result.end() ? " has no \"content\"" : ": \"content\" is null");
    } else {
        std::string text;
        if (std::string problem = contentText(*content, item, text); !problem.empty())
            return problem;
        *content = std::move(text);
    }
    messages.push_back(std::move(result));
    return {};
}

std::string appendFunctionCall(const Json& value, const std::string& item, Json& messages)
{
    Json call = decodeJsonText(value);
    if (!call.is_object() || !call.contains("name"))
        return item + ": the value of a function_call is a JSON object with \"name\" and \"arguments\"";
    if (call.contains("arguments"))
        call["arguments"] = decodeJsonText(call["arguments"]);
    Json calls = Json::array();
    calls.push_back({{"type", "function"}, {"function", std::move(call)}});
    messages.push_back({{"role", "assistant"}, {"content", ""}, {"tool_calls", std::move(calls)}});
    return {};
}

std::string appendShareGptMessage(const Json& message, const std::string& item, Json& messages)
{
    const auto from = message.find("from");
    if (from == message.end() || !from->is_string())
        return item + " has no \"from\"";
    const auto value = message.find("value");
    if (value == message.end() || !value->is_string())
        return item + (value == message.end() ? " has no \"value\"" : ": \"value\" is " + kindOf(*value) + ", text was expected");
    const auto known = std::ranges::find(kShareGptRoles, from->get_ref<const std::string&>(), &std::pair<std::string_view, std::string_view>::first);
    if (known == kShareGptRoles.end())
        return item + " is from \"" + from->get<std::string>() + "\", which is no known speaker";
    if (known->second == "function_call")
        return appendFunctionCall(*value, item, messages);
    messages.push_back({{"role", std::string(known->second)}, {"content", *value}});
    return {};
}

}  // namespace

bool isBlankText(std::string_view text) noexcept
{
    constexpr std::array<std::string_view, 6> kWide{"\u00A0", "\u200B", "\u200C", "\u200D", "\u2060", "\uFEFF"};
    for (std::size_t i = 0; i < text.size();) {
        if (std::string_view(" \t\r\n\v\f").find(text[i]) != std::string_view::npos) {
            ++i;
            continue;
        }
        const auto wide = std::ranges::find_if(kWide, [&](std::string_view blank) { return text.substr(i).starts_with(blank); });
        if (wide == kWide.end())
            return false;
        i += wide->size();
    }
    return true;
}

std::string kindOf(const Json& value)
{
    switch (value.type()) {
    case Json::value_t::null: return "null";
    case Json::value_t::object: return "an object";
    case Json::value_t::array: return "a list";
    case Json::value_t::string: return "text";
    case Json::value_t::boolean: return "true or false";
    default: return "a number";
    }
}

Json decodeJsonText(const Json& value)
{
    if (!value.is_string())
        return value;
    const std::string& text = value.get_ref<const std::string&>();
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string::npos || (text[first] != '{' && text[first] != '['))
        return value;
    JsonRow decoded = parseJsonRow(text);
    return decoded.problem.empty() ? std::move(decoded.value) : value;
}

std::string readText(const Json& row, const char* key, bool required, std::string& text)
{
    const auto found = row.find(key);
    const std::string quoted = "\"" + std::string(key) + "\"";
    if (found == row.end() || found->is_null()) {
        if (!required)
            return {};
        return found == row.end() ? "there is no " + quoted : quoted + " is null";
    }
    if (!found->is_string())
        return quoted + " is " + kindOf(*found) + ", text was expected";
    text = found->get<std::string>();
    return {};
}

std::string appendMessages(const Json& list, std::string_view key, RowFormat format, Json& messages)
{
    if (list.is_string() && decodeJsonText(list).is_array())
        return "\"" + std::string(key) + "\" is text that holds a JSON list (encoded twice?)";
    if (!list.is_array())
        return "\"" + std::string(key) + "\" is " + kindOf(list) + ", a list of messages was expected";
    for (std::size_t i = 0; i < list.size(); ++i) {
        const std::string item = itemOf(key, i);
        if (!list[i].is_object())
            return item + " is " + kindOf(list[i]) + ", a message was expected";
        std::string problem = format == RowFormat::ShareGpt ? appendShareGptMessage(list[i], item, messages)
                                                            : appendRoleMessage(list[i], item, messages);
        if (!problem.empty())
            return problem;
    }
    return {};
}

}  // namespace lorikeet::data
