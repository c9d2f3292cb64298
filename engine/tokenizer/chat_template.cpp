// SPDX-License-Identifier: GPL-3.0-or-later
// From messages to the variables of the template language, and from its output to trained spans.
#include "engine/tokenizer/chat_template.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <unordered_map>

#include "engine/base/error.h"
#include "engine/tokenizer/jinja/json_text.h"
#include "engine/tokenizer/jinja/template.h"
#include "engine/tokenizer/trained_spans.h"

namespace lorikeet::tokenizer {
namespace {

using Json = nlohmann::ordered_json;
using Variables = std::unordered_map<std::string, jinja::Value>;

/// What closes a turn in the chat formats of published models.
constexpr const char* kWellKnownTurnEnds[] = {
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|eot|>", "<|eom|>", "<|end|>", "<|return|>", "<|call|>", "<tool_call|>", "<end_of_turn>", "<turn|>",
    "<|END_OF_TURN_TOKEN|>", "<|end_of_turn|>", "[|endofturn|]", "<|endofturn|>", "<|end_of_text|>", "<|endoftext|>", "</s>",
    "<end_of_utterance>", "<｜end▁of▁sentence｜>",
};

// Content may be a string, a list of parts or absent; an empty string keeps its origin.
constexpr const char* kChatMl =
    "{%- for message in messages -%}\n"
    "{{- '<|im_start|>' + message.role + '\n' -}}\n"
    "{%- if message.content is string -%}{{- message.content -}}\n"
    "{%- else -%}{%- for part in message.content -%}{{- part.text -}}{%- endfor -%}{%- endif -%}\n"
    "{{- '<|im_end|>\n' -}}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}\n";

// Keys of a message that name it rather than say something.
bool carriesOrigin(std::string_view key)
{
    return key != "role" && key != "name" && key != "tool_call_id" && key != "id" && key != "weight" && key != "train";
}

// The order of keys is that of transformers: {"thinking": r, **message, "reasoning_content": r}.
Json withReasoningAliases(const Json& message)
{
    const Json* reasoning = nullptr;
    for (const char* key : {"reasoning_content", "thinking", "reasoning"})
        if (reasoning == nullptr && message.contains(key))
            reasoning = &message.at(key);
    if (reasoning == nullptr)
        return message;
    Json result = Json::object();
    result["thinking"] = *reasoning;
    for (const auto& [key, value] : message.items())
        result[key] = value;
    result["reasoning_content"] = *reasoning;
    return result;
}

Json normalizedMessage(const Json& message, std::size_t index)
{
    if (!message.is_object())
        throw Error(ErrorCode::BadInput, "messages[" + std::to_string(index) + "] is not an object", "each message needs \"role\" and \"content\"");
    Json kept = Json::object();
    for (const auto& [key, value] : message.items())
        if (!value.is_null())
            kept[key] = value;
    return withReasoningAliases(kept);
}

jinja::Value toolCallValue(const Json& call, int index)
{
    if (!call.is_object())
        return jinja::valueOf(call, sourceOf(index));
    auto dict = std::make_shared<jinja::DictValue>();
    for (const auto& [key, value] : call.items()) {
        if (key == "function")
            dict->set(key, toolCallValue(value, index));
        else if (key == "name")
            dict->set(key, jinja::valueOf(value, toolNameSourceOf(index)));
        else
            dict->set(key, jinja::valueOf(value, key == "id" || key == "type" ? jinja::kTemplateText : sourceOf(index)));
    }
    return jinja::Value::dict(std::move(dict));
}

jinja::Value messageValue(const Json& message, int index)
{
    auto dict = std::make_shared<jinja::DictValue>();
    for (const auto& [key, value] : message.items()) {
        if (key == "tool_calls" && value.is_array()) {
            std::vector<jinja::Value> calls;
            for (const Json& call : value)
                calls.push_back(toolCallValue(call, index));
            dict->set(key, jinja::Value::list(std::move(calls)));
        } else {
            dict->set(jinja::valueOf(key, jinja::kTemplateText), jinja::valueOf(value, carriesOrigin(key) ? sourceOf(index) : jinja::kTemplateText));
        }
    }
    return jinja::Value::dict(std::move(dict));
}

// Nodes and bytes of a document, in steps of work that they may cause.
std::uint64_t workOf(const Json& document)
{
    if (document.is_string())
        return 100 + 32 * static_cast<std::uint64_t>(document.get_ref<const std::string&>().size());
    std::uint64_t work = 100;
    if (document.is_structured())
        for (const Json& child : document)
            work += workOf(child);
    return work;
}

std::tm localNow()
{
    static std::mutex mutex;
    const std::lock_guard lock(mutex);  // std::localtime shares one buffer
    const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    const std::tm* local = std::localtime(&now);
    return local != nullptr ? *local : std::tm{};
}

bool hasRole(const Json& message, std::initializer_list<std::string_view> names)
{
    const auto role = message.find("role");
    return role != message.end() && role->is_string()
        && std::find(names.begin(), names.end(), role->get_ref<const std::string&>()) != names.end();
}

void setToken(Variables& variables, const char* name, const std::optional<std::string>& token)
{
    if (token)
        variables.insert_or_assign(name, jinja::valueOf(Json(*token), jinja::kTemplateText));
}

Variables variablesOf(const jinja::Value& messages, const RenderOptions& options, bool addGenerationPrompt)
{
    Variables variables;
    setToken(variables, "bos_token", options.bosToken);
    setToken(variables, "eos_token", options.eosToken);
    setToken(variables, "unk_token", options.unkToken);
    setToken(variables, "pad_token", options.padToken);
    variables.insert_or_assign("messages", messages);
    variables.insert_or_assign("tools", jinja::valueOf(options.tools, jinja::kTemplateText));
    variables.insert_or_assign("documents", jinja::valueOf(options.documents, jinja::kTemplateText));
    variables.insert_or_assign("add_generation_prompt", jinja::Value::boolean(addGenerationPrompt));
    if (options.variables.is_object())
        for (const auto& [key, value] : options.variables.items())
            variables.insert_or_assign(key, jinja::valueOf(value, jinja::kTemplateText));
    return variables;
}

}  // namespace

struct ChatTemplate::State {
    State(std::string s, std::string n) : source(std::move(s)), name(std::move(n)), compiled(source, name) {}

    std::string source;
    std::string name;
    jinja::Template compiled;
};

namespace {

/// One conversation on its way through a template.
class ChatRendering {
public:
    ChatRendering(const jinja::Template& compiled, const Json& messages, const RenderOptions& options)
        : m_compiled(compiled), m_options(options), m_now(options.now ? *options.now : localNow())
    {
        if (!messages.is_array())
            throw Error(ErrorCode::BadInput, "the messages of a chat are not a list", "expected [{\"role\": ..., \"content\": ...}, ...]");
        m_steps = jinja::kBaseSteps + workOf(messages) + workOf(options.tools) + workOf(options.documents) + workOf(options.variables);
        try {
            convert(messages);
        } catch (const jinja::Failure& failure) {
            throw Error(ErrorCode::BadInput, "the messages of a chat cannot be rendered: " + failure.message(), "repair or drop this example");
        }
    }

    RenderedChat run()
    {
        const jinja::Rendering rendering = render(m_messages, m_options.addGenerationPrompt);
        RenderedChat chat;
        if (m_options.trainOn == TrainOn::Everything)
            chat.spans = spansOfEverything(rendering.text.size());
        else if (m_compiled.hasGenerationTags() && m_options.useGenerationTags)
            chat.spans = spansByTags(rendering, m_facts);
        else
            chat.spans = spansByOrigin(rendering.text, withTurnMarks());
        chat.text = rendering.text.bytes();
        return chat;
    }

private:
    void convert(const Json& messages)
    {
        std::vector<jinja::Value> values;
        for (std::size_t i = 0; i < messages.size(); ++i) {
            const Json message = normalizedMessage(messages[i], i);
            m_facts.isAssistant.push_back(hasRole(message, {"assistant", "model"}));
            m_isUser.push_back(hasRole(message, {"user"}));
            values.push_back(messageValue(message, static_cast<int>(i)));
        }
        m_messages = jinja::Value::list(std::move(values));
        m_facts.trainOn = m_options.trainOn;
    }

    [[nodiscard]] jinja::Rendering render(const jinja::Value& messages, bool addGenerationPrompt) const
    {
        return m_compiled.render(variablesOf(messages, m_options, addGenerationPrompt), m_now, m_steps);
    }

    [[nodiscard]] TurnFacts withTurnMarks() const
    {
        TurnFacts facts = m_facts;
        facts.generationPrompt = generationPrompt();
        facts.endOfTurn = m_options.endOfTurn;
        if (m_options.eosToken)
            facts.endOfTurn.push_back(*m_options.eosToken);
        facts.endOfTurn.insert(facts.endOfTurn.end(), std::begin(kWellKnownTurnEnds), std::end(kWellKnownTurnEnds));
        return facts;
    }

    // What opens an assistant turn. Asked where it is certainly the assistant's turn, behind the last user message, else behind
    // the last message of somebody else (after a tool's answer some templates go on in the open turn and add nothing).
    [[nodiscard]] std::string generationPrompt() const
    {
        const auto behindLast = [&](const std::vector<bool>& of, bool wanted) {
            return static_cast<std::size_t>(of.rend() - std::find(of.rbegin(), of.rend(), wanted));
        };
        std::string prompt = promptBehind(behindLast(m_isUser, true));
        return prompt.empty() ? promptBehind(behindLast(m_facts.isAssistant, false)) : prompt;
    }

    // What add_generation_prompt adds behind the first `count` messages; empty when it changes other text, too, or the template
    // refuses.
    [[nodiscard]] std::string promptBehind(std::size_t count) const
    {
        const std::vector<jinja::Value>& all = m_messages.items();
        const auto asked = jinja::Value::list({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count)});
        try {
            const std::string without = render(asked, false).text.bytes();
            const std::string with = render(asked, true).text.bytes();
            return with.starts_with(without) ? with.substr(without.size()) : std::string();
        } catch (const Error&) {
            return {};
        }
    }

    const jinja::Template& m_compiled;
    const RenderOptions& m_options;
    std::tm m_now;
    std::uint64_t m_steps = 0;
    jinja::Value m_messages;
    std::vector<bool> m_isUser;  // by message
    TurnFacts m_facts;
};

}  // namespace

ChatTemplate::ChatTemplate(std::shared_ptr<const State> state) : m_state(std::move(state)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::ChatTemplate(const ChatTemplate&) = default;
ChatTemplate& ChatTemplate::operator=(const ChatTemplate&) = default;
ChatTemplate::~ChatTemplate() = default;

ChatTemplate ChatTemplate::parse(std::string source, std::string name)
{
    return ChatTemplate(std::make_shared<const State>(std::move(source), std::move(name)));
}

RenderedChat ChatTemplate::render(const nlohmann::ordered_json& messages, const RenderOptions& options) const
{
    return ChatRendering(m_state->compiled, messages, options).run();
}

const std::string& ChatTemplate::name() const noexcept
{
    return m_state->name;
}

const std::string& ChatTemplate::source() const noexcept
{
    return m_state->source;
}

bool ChatTemplate::hasGenerationTags() const noexcept
{
    return m_state->compiled.hasGenerationTags();
}

ChatTemplate chatMl()
{
    return ChatTemplate::parse(kChatMl, "ChatML");
}

}  // namespace lorikeet::tokenizer
