// SPDX-License-Identifier: GPL-3.0-or-later
// Chat templates: turns a list of messages into the text a model was trained on, and knows for every byte of that text
// whether it is the assistant's (and so trained) or only context. Semantics: Jinja2 as configured by Hugging Face
// transformers 5 (apply_chat_template), sandboxed and bounded in steps, bytes and depth.
#pragma once

#include <cstddef>
#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace lorikeet::tokenizer {

/// Which turns are trained.
enum class TrainOn {
    AssistantTurns,     ///< every assistant turn, its end-of-turn token included
    LastAssistantTurn,  ///< the last assistant turn only
    Everything,         ///< the whole text
};

struct RenderOptions {
    bool addGenerationPrompt = false;
    std::optional<std::string> bosToken;  ///< absent: the variable is undefined in the template, as in transformers
    std::optional<std::string> eosToken;
    std::optional<std::string> unkToken;
    std::optional<std::string> padToken;
    nlohmann::ordered_json tools;      ///< JSON schemas of tools, or null
    nlohmann::ordered_json documents;  ///< retrieval documents, or null
    /// Further variables, an object: {"enable_thinking": false}. They win over the tokens above.
    nlohmann::ordered_json variables = nlohmann::ordered_json::object();
    /// What strftime_now() sees; absent: the local time of this machine.
    std::optional<std::tm> now;
    TrainOn trainOn = TrainOn::AssistantTurns;
    /// Strings that end a turn beside eosToken ("<|eot_id|>", "<|im_end|>"): a trained turn reaches through the first of
    /// them that follows its content. The well-known ones (see kWellKnownTurnEnds in the .cpp) are always included.
    std::vector<std::string> endOfTurn;
    /// With tags: `{% generation %}` blocks alone decide. False ignores the tags and uses provenance (for comparison).
    bool useGenerationTags = true;
};

/// A stretch of the rendered text, [begin, end) in bytes of UTF-8.
struct RenderedSpan {
    std::size_t begin = 0;
    std::size_t end = 0;
    bool trained = false;
    int message = -1;  ///< index of the assistant message a trained span belongs to, -1 where none is known
    friend bool operator==(const RenderedSpan&, const RenderedSpan&) = default;
};

struct RenderedChat {
    std::string text;
    std::vector<RenderedSpan> spans;  ///< cover `text` completely and in order; neighbours differ
};

/// A parsed template. Immutable: rendering is const and thread-safe, one object serves all loader threads.
class ChatTemplate {
public:
    /// `name` says where the source lies. @throws Error{BadInput} "name, template line 12, column 5: filter 'xyz' is not supported"; sources over 1 MiB are refused.
    static ChatTemplate parse(std::string source, std::string name);

    ChatTemplate(ChatTemplate&&) noexcept;
    ChatTemplate& operator=(ChatTemplate&&) noexcept;
    ChatTemplate(const ChatTemplate&);
    ChatTemplate& operator=(const ChatTemplate&);
    ~ChatTemplate();

    /// Renders `messages`, an array of objects with "role" and "content" (string, null or list of parts), any further
    /// keys are visible to the template. As transformers does, keys whose value is null are dropped first and
    /// "reasoning_content", "thinking" and "reasoning" stand for each other.
    ///
    /// Trained spans. If the template has `{% generation %}` tags and one was rendered, they are the trained spans, exactly
    /// as in transformers' assistant mask. Otherwise the origin of every byte decides: a turn begins where the template's
    /// own generation prompt ("<|im_start|>assistant\n") ends, or else at the first byte that stems from the assistant message; it
    /// reaches through the last such byte and on through the first end-of-turn string that follows before anything
    /// of another message does. Without such a string the turn ends with the content. Role names and ids carry no origin.
    /// @throws Error{BadInput} when the template refuses (raise_exception: its own words) or fails, with line and column.
    [[nodiscard]] RenderedChat render(const nlohmann::ordered_json& messages, const RenderOptions& options) const;

    [[nodiscard]] const std::string& name() const noexcept;
    [[nodiscard]] const std::string& source() const noexcept;
    /// True when the source marks trained text itself with `{% generation %}`.
    [[nodiscard]] bool hasGenerationTags() const noexcept;

private:
    struct State;
    explicit ChatTemplate(std::shared_ptr<const State> state);
    std::shared_ptr<const State> m_state;
};

/// The built-in plain ChatML template: "<|im_start|>role\ncontent<|im_end|>\n".
[[nodiscard]] ChatTemplate chatMl();

struct FoundTemplate {
    std::string source;
    std::filesystem::path file;  ///< where it stands
};

/// The template a model folder brings: chat_template.jinja, else tokenizer_config.json ("chat_template" as a string or as a
/// list of {name, template} where "default" is taken), else chat_template.json. Nothing where none of them has one.
/// @throws Error{BadInput} when a file is there but cannot be read.
[[nodiscard]] std::optional<FoundTemplate> findChatTemplate(const std::filesystem::path& modelFolder);

}  // namespace lorikeet::tokenizer
