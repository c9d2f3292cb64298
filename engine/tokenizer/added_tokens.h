// SPDX-License-Identifier: GPL-3.0-or-later
// Finding added tokens in text: leftmost, then longest, with their flags (tokenizer.json "added_tokens").
#pragma once

#include "engine/tokenizer/piece_text.h"
#include "engine/tokenizer/tokenizer.h"

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace lorikeet::tokenizer {

/// The added tokens of one tokenizer, with one matcher for the raw text and one for the normalised.
class AddedTokens {
public:
    /// `normalize` gives the normalised form of a content; it is called for tokens with `normalized`. Tokens without content
    /// are dropped. @throws Error{BadInput} when two tokens share an id or a content; `source` names the file.
    AddedTokens(std::vector<AddedToken> tokens, const std::function<std::string(std::string_view)>& normalize,
                const std::string& source);

    /// Claims the tokens that are looked for in the raw text (in the normalised one).
    void claimRaw(PieceText& text, SpecialTokens special) const { claim(m_raw, text, special); }
    void claimNormalized(PieceText& text, SpecialTokens special) const { claim(m_normalized, text, special); }

    /// Ordered by id.
    [[nodiscard]] const std::vector<AddedToken>& tokens() const noexcept { return m_tokens; }
    [[nodiscard]] const AddedToken* byId(TokenId id) const noexcept;
    [[nodiscard]] const AddedToken* byContent(std::string_view content) const noexcept;
    /// What decode() sees of an added token: its normalised form where that differs.
    [[nodiscard]] const std::string& decodedForm(const AddedToken& token) const noexcept;
    /// decode(skipSpecial) leaves this token out.
    [[nodiscard]] bool isSkipped(const AddedToken& token) const noexcept;

private:
    /// A trie over bytes. Only few positions of a text get past the first byte.
    class Matcher {
    public:
        Matcher() : m_nodes(1) {}
        /// False when the content is there already.
        bool add(std::string_view content, std::size_t token);
        /// The longest token that starts at `index`: its length and `token`; length 0 when there is none.
        [[nodiscard]] std::size_t longestAt(std::string_view text, std::size_t index, std::size_t& token) const noexcept;
        [[nodiscard]] bool mayStart(unsigned char byte) const noexcept { return m_first[byte]; }
        [[nodiscard]] bool empty() const noexcept { return m_nodes.size() == 1; }

    private:
        static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
        struct Node {
            std::vector<std::pair<unsigned char, std::uint32_t>> children;
            std::size_t token = kNone;
        };
        [[nodiscard]] std::uint32_t childOf(std::uint32_t node, unsigned char byte) const noexcept;
        std::vector<Node> m_nodes;
        std::array<bool, 256> m_first{};
    };
    void claim(const Matcher& matcher, PieceText& text, SpecialTokens special) const;
    void cut(const Matcher& matcher, SpecialTokens special, std::string_view view, std::vector<Piece>& parts) const;

    std::vector<AddedToken> m_tokens;
    std::vector<std::string> m_decodedForms;  ///< same order as m_tokens
    std::unordered_map<TokenId, std::size_t> m_byId;
    std::unordered_map<std::string_view, std::size_t> m_byContent;
    Matcher m_raw;
    Matcher m_normalized;
};

}  // namespace lorikeet::tokenizer
