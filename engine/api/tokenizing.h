// SPDX-License-Identifier: GPL-3.0-or-later
// Tokens of a text or of a conversation, for `lorikeet-cli tokenize`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet::api {

struct TokenizedText {
    std::vector<std::int32_t> ids;
    std::vector<std::string> pieces;
    std::vector<bool> mask;  ///< trained tokens; all false without a conversation
};

/// A loaded tokenizer with its model's chat template.
class TextTokenizer {
public:
    /// With the tokens and the chat template that an adapter adds. @throws Error{BadInput}
    explicit TextTokenizer(const std::string& model, const std::filesystem::path& adapter = {});
    ~TextTokenizer();
    TextTokenizer(TextTokenizer&&) noexcept;

    /// No special tokens are added.
    [[nodiscard]] TokenizedText text(std::string_view utf8) const;
    /// `row` is one data row as JSON text (messages, sharegpt, alpaca, prompt/completion).
    [[nodiscard]] TokenizedText conversation(const std::string& row) const;
    [[nodiscard]] std::string decode(const std::vector<std::int32_t>& ids) const;

private:
    struct State;
    std::unique_ptr<State> m_state;
};

}  // namespace lorikeet::api
