// SPDX-License-Identifier: GPL-3.0-or-later
// A byte trie and the rules of the flags, as in Hugging Face `tokenizers` (added_vocabulary).
#include "engine/tokenizer/added_tokens.h"

#include "engine/base/error.h"
#include "engine/tokenizer/unicode.h"

#include <algorithm>

namespace lorikeet::tokenizer {
namespace {

/// Finding takes text length times content length at worst.
constexpr std::size_t kLongestContent = 4096;

std::size_t startOfCharacterBefore(std::string_view text, std::size_t index)
{
    --index;
    while (index > 0 && isContinuation(static_cast<unsigned char>(text[index]))) {
        --index;
    }
    return index;
}

bool isWordBefore(std::string_view text, std::size_t index)
{
    return index > 0 && isWordCharacter(codePointAt(text, startOfCharacterBefore(text, index)).value);
}

bool isWordAt(std::string_view text, std::size_t index)
{
    return index < text.size() && isWordCharacter(codePointAt(text, index).value);
}

std::size_t beforeWhiteSpace(std::string_view text, std::size_t index)
{
    while (index > 0) {
        const std::size_t previous = startOfCharacterBefore(text, index);
        if (!isWhiteSpace(codePointAt(text, previous).value)) {
            break;
        }
        index = previous;
    }
    return index;
}

std::size_t afterWhiteSpace(std::string_view text, std::size_t index)
{
    while (index < text.size() && isWhiteSpace(codePointAt(text, index).value)) {
        index += lengthFromLead(static_cast<unsigned char>(text[index]));
    }
    return index;
}

}  // namespace

std::uint32_t AddedTokens::Matcher::childOf(std::uint32_t node, unsigned char byte) const noexcept
{
    for (const auto& [edge, child] : m_nodes[node].children) {
        if (edge == byte) {
            return child;
        }
    }
    return 0;
}

bool AddedTokens::Matcher::add(std::string_view content, std::size_t token)
{
    std::uint32_t node = 0;
    m_first[static_cast<unsigned char>(content.front())] = true;
    for (const char c : content) {
        const auto byte = static_cast<unsigned char>(c);
        std::uint32_t child = childOf(node, byte);
        if (child == 0) {
            child = static_cast<std::uint32_t>(m_nodes.size());
            m_nodes.emplace_back();
            m_nodes[node].children.emplace_back(byte, child);
        }
        node = child;
    }
    if (m_nodes[node].token != kNone) {
        return false;
    }
    m_nodes[node].token = token;
    return true;
}

std::size_t AddedTokens::Matcher::longestAt(std::string_view text, std::size_t index, std::size_t& token) const noexcept
{
    std::size_t length = 0;
    std::uint32_t node = 0;
    for (std::size_t i = index; i < text.size(); ++i) {
        node = childOf(node, static_cast<unsigned char>(text[i]));
        if (node == 0) {
            break;
        }
        if (m_nodes[node].token != kNone) {
            token = m_nodes[node].token;
            length = i + 1 - index;
        }
    }
    return length;
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, const std::function<std::string(std::string_view)>& normalize,
                         const std::string& source)
    : m_tokens(std::move(tokens))
{
    std::erase_if(m_tokens, [](const AddedToken& token) { return token.content.empty(); });
    std::sort(m_tokens.begin(), m_tokens.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
    for (std::size_t i = 0; i < m_tokens.size(); ++i) {
        const AddedToken& token = m_tokens[i];
        if (token.content.size() > kLongestContent) {
            throw Error{ErrorCode::BadInput, source + ": added_tokens: token " + std::to_string(token.id) + " has "
                                                 + std::to_string(token.content.size()) + " bytes, expected at most "
                                                 + std::to_string(kLongestContent), kFetchTokenizer};
        }
        m_decodedForms.push_back(token.normalized ? normalize(token.content) : token.content);
        if (!m_byId.emplace(token.id, i).second) {
            throw Error{ErrorCode::BadInput, source + ": added_tokens: id " + std::to_string(token.id) + " appears twice", kFetchTokenizer};
        }
        const bool fresh = m_byContent.emplace(token.content, i).second;
        const std::string& sought = m_decodedForms.back();
        if (!fresh || (!sought.empty() && !(token.normalized ? m_normalized : m_raw).add(sought, i))) {
            throw Error{ErrorCode::BadInput, source + ": added_tokens: \"" + token.content + "\" appears twice", kFetchTokenizer};
        }
    }
}

const AddedToken* AddedTokens::byId(TokenId id) const noexcept
{
    const auto found = m_byId.find(id);
    return found == m_byId.end() ? nullptr : &m_tokens[found->second];
}

const AddedToken* AddedTokens::byContent(std::string_view content) const noexcept
{
    const auto found = m_byContent.find(content);
    return found == m_byContent.end() ? nullptr : &m_tokens[found->second];
}

const std::string& AddedTokens::decodedForm(const AddedToken& token) const noexcept
{
    return m_decodedForms[static_cast<std::size_t>(&token - m_tokens.data())];
}

bool AddedTokens::isSkipped(const AddedToken& token) const noexcept
{
    const AddedToken* named = byContent(decodedForm(token));
    return named != nullptr && named->special;
}

void AddedTokens::claim(const Matcher& matcher, PieceText& text, SpecialTokens special) const
{
    if (!matcher.empty()) {
        text.split([&](std::string_view view, std::vector<Piece>& parts) { cut(matcher, special, view, parts); });
    }
}

void AddedTokens::cut(const Matcher& matcher, SpecialTokens special, std::string_view view, std::vector<Piece>& parts) const
{
    std::size_t done = 0;  // end of the last claimed token, with the white space it swallowed
    const auto put = [&parts](std::size_t begin, std::size_t end, TokenId id) {
        parts.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), id});
    };
    for (std::size_t i = 0; i < view.size();) {
        std::size_t index = 0;
        const std::size_t length =
            matcher.mayStart(static_cast<unsigned char>(view[i])) ? matcher.longestAt(view, i, index) : 0;
        if (length == 0) {
            ++i;
            continue;
        }
        std::size_t begin = i;
        std::size_t end = i + length;
        i = end;
        const AddedToken& token = m_tokens[index];
        if ((special == SpecialTokens::AsText && token.special)
            || (token.singleWord && (isWordBefore(view, begin) || isWordAt(view, end)))) {
            continue;
        }
        if (token.lstrip) {
            begin = std::max(beforeWhiteSpace(view, begin), done);
        }
        if (token.rstrip) {
            end = afterWhiteSpace(view, end);
        }
        if (done < begin) {
            put(done, begin, kNoToken);
        }
        put(begin, end, token.id);
        done = end;
    }
    if (done != view.size()) {
        put(done, view.size(), kNoToken);
    }
}

}  // namespace lorikeet::tokenizer
