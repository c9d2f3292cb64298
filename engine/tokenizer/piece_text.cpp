// SPDX-License-Identifier: GPL-3.0-or-later
// Origins of bytes through rewriting.
#include "engine/tokenizer/piece_text.h"

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/tokenizer/unicode.h"

#include <limits>

namespace lorikeet::tokenizer {

TextRewriter::TextRewriter(const PieceText& from) : m_from(from)
{
    m_text.reserve(from.text().size() + from.text().size() / 8);
    if (from.tracksOrigins()) {
        m_origins.reserve(m_text.capacity());
    }
}

void TextRewriter::keep(std::uint32_t begin, std::uint32_t end)
{
    m_text.append(m_from.text().substr(begin, end - begin));
    if (m_from.tracksOrigins()) {
        for (std::uint32_t i = begin; i < end; ++i) {
            m_origins.push_back(m_from.originAt(i));
        }
    }
}

void TextRewriter::put(std::string_view bytes, Span origin)
{
    m_text.append(bytes);
    if (m_from.tracksOrigins()) {
        m_origins.insert(m_origins.end(), bytes.size(), origin);
    }
}

Span TextRewriter::originAt(std::uint32_t index) const
{
    return m_from.tracksOrigins() ? m_from.originAt(index) : Span{};
}

PieceText::PieceText(std::string_view input, bool tracksOrigins) : m_input(input), m_tracksOrigins(tracksOrigins)
{
    if (input.size() >= std::numeric_limits<std::uint32_t>::max() / 4) {
        throw Error{ErrorCode::BadInput, "a text of " + std::to_string(input.size()) + " bytes is too long to encode at once",
                    "split it into documents"};
    }
    if (!input.empty()) {
        m_pieces.push_back({0, static_cast<std::uint32_t>(input.size()), kNoToken});
    }
}

Span PieceText::originAt(std::uint32_t index) const
{
    if (m_rewritten) {
        LORIKEET_CHECK(index < m_origins.size(), "origin of a byte that is not tracked");
        return m_origins[index];
    }
    std::uint32_t begin = index;
    while (begin > 0 && isContinuation(static_cast<unsigned char>(m_input[begin]))) {
        --begin;
    }
    return {begin, begin + lengthFromLead(static_cast<unsigned char>(m_input[begin]))};
}

Span PieceText::originOf(std::uint32_t begin, std::uint32_t end) const
{
    return {originAt(begin).first, originAt(end - 1).second};
}

void PieceText::adopt(std::string text, std::vector<Span> origins, std::vector<Piece> pieces)
{
    m_buffer = std::move(text);
    m_origins = std::move(origins);
    m_pieces = std::move(pieces);
    m_rewritten = true;
}

}  // namespace lorikeet::tokenizer
