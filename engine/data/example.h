// SPDX-License-Identifier: GPL-3.0-or-later
// One document the model learns from: token ids and, for each, whether it is to be learnt. Made from a row by the chat template and
// the tokenizer.
#pragma once

#include "engine/data/conversation.h"
#include "engine/spec/job.h"
#include "engine/tokenizer/chat_template.h"
#include "engine/tokenizer/tokenizer.h"

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lorikeet::data {

/// A document of at most `context` tokens.
struct Example {
    std::vector<tokenizer::TokenId> tokens;
    std::vector<std::uint8_t> lossMask;  ///< by token: 1 if this token is one to predict (the first one never counts: nothing is before it)
    std::int64_t sampleId = 0;           ///< index among the examples of its file, in file order; keys the randomness
    std::int64_t row = 0;                ///< row of the file it came from

    /// Number of tokens that are predicted and learnt.
    [[nodiscard]] std::int64_t supervised() const noexcept;
};

/// Why a row, or a part of it, is not trained on.
enum class DropReason : std::uint8_t {
    Unreadable,         ///< broken JSON, invalid UTF-8, over 64 MiB: training refuses the file, a preview lists the row
    WrongFormat,        ///< keys or types are not those of the file's format
    Empty,              ///< blank text or blank answers
    TemplateRefused,    ///< the chat template raised ("roles must alternate")
    TokenizerRefused,   ///< the text cannot be tokenised
    TooLong,            ///< over the context with recipe.overlong = drop
    NothingToLearn,     ///< no trained token in the whole row
    NothingLeftAfterCut ///< trained tokens lie behind the cut
};
inline constexpr int kDropReasons = 8;

/// Stable word for reports: "unreadable", "wrong_format", ...
[[nodiscard]] std::string_view nameOf(DropReason reason) noexcept;

/// A whole row as tokens, before it is fitted into the context.
struct TokenizedRow {
    std::vector<tokenizer::TokenId> tokens;
    std::vector<std::uint8_t> lossMask;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> spans;  ///< bytes of `text` per token; empty for a BOS or EOS that was added
    std::string text;                  ///< as rendered
    bool specialsAsText = false;       ///< a message spells a special token; it was tokenised as ordinary text
    std::optional<DropReason> refused; ///< set when there are no tokens
    std::string problem;               ///< with `refused`
};

/// Turns samples into tokens. Immutable; tokenize() may be called from several threads at once.
///
/// - Conversations: the chat template writes BOS and turn ends itself; nothing is added. Tokens are those of Hugging Face's
///   apply_chat_template(tokenize=True), but for one thing: a special token spelt inside a message stays ordinary text.
/// - Prompt and completion as text: one encoding of prompt + completion + EOS; every token that touches the completion, and EOS, is trained.
/// - Text: the whole text and EOS. Both kinds get BOS when the model's convention adds it, are parsed for special tokens (they are the
///   model's raw input), and get no second BOS or EOS.
/// - A token is trained when it touches a trained byte (as transformers builds its assistant mask).
class Tokenization {
public:
    /// `chatTemplate` may be null: conversational rows are then refused. `trainOn`: assistant, last_assistant, all. `now` is what templates
    /// see as the date; the clock when absent. The tokenizer and the template must outlive this object.
    Tokenization(const tokenizer::Tokenizer& tokenizer, const tokenizer::ChatTemplate* chatTemplate, const std::string& trainOn,
                 const std::optional<std::tm>& now = {});

    [[nodiscard]] TokenizedRow tokenize(const Sample& sample) const;

private:
    TokenizedRow conversation(const Conversation& sample) const;
    tokenizer::RenderedChat render(const nlohmann::ordered_json& messages, const Conversation& sample) const;
    TokenizedRow rawText(const std::string& prompt, const std::string& completion) const;
    tokenizer::Encoding encodeProtected(const std::string& text, const std::vector<std::size_t>& marks) const;

    const tokenizer::Tokenizer& m_tokenizer;
    const tokenizer::ChatTemplate* m_template;
    tokenizer::RenderOptions m_render;
    std::vector<std::string> m_specials;  ///< contents of the special tokens
};

/// What became of a row when it was fitted into the context.
struct FittedRow {
    std::vector<Example> examples;  ///< sampleId and row are not set yet
    bool cut = false;
    std::int64_t emptyPieces = 0;   ///< pieces of a split row without anything to learn, left out
    std::optional<DropReason> dropped;
};

/// `overlong`: cut (keep the first `context` tokens), split (pieces of `context` tokens; each loses the target of its first token), drop.
[[nodiscard]] FittedRow fitIntoContext(TokenizedRow row, std::int64_t context, const std::string& overlong);

}  // namespace lorikeet::data
