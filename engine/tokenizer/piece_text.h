// SPDX-License-Identifier: GPL-3.0-or-later
// The text on its way through the pipeline: cut into pieces, rewritten by normalizers, every byte knowing where it came from.
// Origins follow the alignment rules of Hugging Face `tokenizers` (NormalizedString), so spans agree to the byte.
#pragma once

#include "engine/tokenizer/tokenizer.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorikeet::tokenizer {

/// Bytes [first, second) of the user's input.
using Span = std::pair<std::uint32_t, std::uint32_t>;

constexpr TokenId kNoToken = -1;

/// A range of the current text; with a token id once an added token claimed it, else free for the model.
struct Piece {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    TokenId added = kNoToken;
};

class PieceText;

/// Builds the next version of a PieceText. Offsets are those of the current text.
class TextRewriter {
public:
    explicit TextRewriter(const PieceText& from);
    /// Copies bytes with their origins.
    void keep(std::uint32_t begin, std::uint32_t end);
    /// Appends new bytes that stand for `origin`.
    void put(std::string_view bytes, Span origin);
    /// Where the byte at `index` came from: the whole character.
    [[nodiscard]] Span originAt(std::uint32_t index) const;

private:
    friend class PieceText;
    const PieceText& m_from;
    std::string m_text;
    std::vector<Span> m_origins;
};

class PieceText {
public:
    /// One free piece over all of `input`, which must outlive this object. Without `tracksOrigins` spans cannot be asked for.
    PieceText(std::string_view input, bool tracksOrigins);

    [[nodiscard]] std::string_view text() const noexcept { return m_rewritten ? std::string_view(m_buffer) : m_input; }
    [[nodiscard]] const std::vector<Piece>& pieces() const noexcept { return m_pieces; }
    [[nodiscard]] std::string_view view(const Piece& piece) const
    {
        return text().substr(piece.begin, piece.end - piece.begin);
    }
    [[nodiscard]] bool tracksOrigins() const noexcept { return m_tracksOrigins; }
    /// Input bytes behind the byte at `index` of the current text.
    [[nodiscard]] Span originAt(std::uint32_t index) const;
    /// Input bytes behind a range of the current text (not empty).
    [[nodiscard]] Span originOf(std::uint32_t begin, std::uint32_t end) const;

    /// Cuts every free piece: cut(view, parts) appends parts relative to the view, in order; empty ones are dropped.
    template <typename Cut>
    void split(Cut&& cut)
    {
        std::vector<Piece> next;
        next.reserve(m_pieces.size());
        std::vector<Piece> parts;
        for (const Piece& piece : m_pieces) {
            if (piece.added != kNoToken) {
                next.push_back(piece);
                continue;
            }
            parts.clear();
            cut(view(piece), parts);
            for (const Piece& part : parts) {
                if (part.end > part.begin) {
                    next.push_back({piece.begin + part.begin, piece.begin + part.end, part.added});
                }
            }
        }
        m_pieces = std::move(next);
    }

    /// Replaces every free piece by what rewrite(rewriter, piece) puts; pieces that become empty are dropped.
    template <typename Rewrite>
    void rewrite(Rewrite&& rewrite)
    {
        TextRewriter rewriter(*this);
        std::vector<Piece> next;
        next.reserve(m_pieces.size());
        for (const Piece& piece : m_pieces) {
            const auto begin = static_cast<std::uint32_t>(rewriter.m_text.size());
            if (piece.added != kNoToken) {
                rewriter.keep(piece.begin, piece.end);
            } else {
                rewrite(rewriter, piece);
            }
            const auto end = static_cast<std::uint32_t>(rewriter.m_text.size());
            if (end > begin) {
                next.push_back({begin, end, piece.added});
            }
        }
        adopt(std::move(rewriter.m_text), std::move(rewriter.m_origins), std::move(next));
    }

private:
    void adopt(std::string text, std::vector<Span> origins, std::vector<Piece> pieces);

    std::string_view m_input;
    std::string m_buffer;
    std::vector<Span> m_origins;  ///< by byte of m_buffer; empty while the text is the input itself
    std::vector<Piece> m_pieces;
    bool m_tracksOrigins = false;
    bool m_rewritten = false;
};

}  // namespace lorikeet::tokenizer
