// SPDX-License-Identifier: GPL-3.0-or-later
// Each normalizer as one rewriting of the pieces.
#include "engine/tokenizer/normalizer.h"

#include "engine/tokenizer/nfc.h"

#include <algorithm>

namespace lorikeet::tokenizer {

NormalizerChain::NormalizerChain(const std::vector<NormalizerSpec>& specs, const std::string& source)
{
    for (const NormalizerSpec& spec : specs) {
        if (const auto* replace = std::get_if<ReplaceSpec>(&spec)) {
            m_steps.emplace_back(Replace{
                Pattern(replace->pattern.text, replace->pattern.isRegex, source + ": normalizer Replace: pattern"),
                replace->content});
        } else if (const auto* prepend = std::get_if<PrependSpec>(&spec)) {
            m_steps.emplace_back(Prepend{prepend->prefix});
        } else {
            m_steps.emplace_back(Nfc{});
        }
    }
}

void NormalizerChain::apply(PieceText& text) const
{
    for (const auto& step : m_steps) {
        std::visit([&text](const auto& s) { run(s, text); }, step);
    }
}

std::string NormalizerChain::normalized(std::string_view text) const
{
    PieceText pieces(text, false);
    apply(pieces);
    std::string out;
    for (const Piece& piece : pieces.pieces()) {
        out.append(pieces.view(piece));
    }
    return out;
}

void NormalizerChain::run(const Nfc&, PieceText& text)
{
    const bool untouched = std::all_of(text.pieces().begin(), text.pieces().end(), [&text](const Piece& piece) {
        return piece.added != kNoToken || isSurelyNfc(text.view(piece));
    });
    if (!untouched) {
        text.rewrite([&text](TextRewriter& rewriter, const Piece& piece) { putNfc(rewriter, text.view(piece), piece); });
    }
}

void NormalizerChain::run(const Replace& step, PieceText& text)
{
    std::vector<ByteRange> matches;
    text.rewrite([&](TextRewriter& rewriter, const Piece& piece) {
        matches.clear();
        step.pattern.findAll(text.view(piece), matches);
        std::uint32_t done = piece.begin;
        for (const auto& [begin, end] : matches) {
            rewriter.keep(done, piece.begin + begin);
            done = piece.begin + end;
            // The new bytes stand for the last byte that they replace (an empty match: the byte before it).
            const Span origin = end > 0 ? rewriter.originAt(done - 1)
                                        : Span{rewriter.originAt(piece.begin).first, rewriter.originAt(piece.begin).first};
            rewriter.put(step.content, origin);
        }
        rewriter.keep(done, piece.end);
    });
}

void NormalizerChain::run(const Prepend& step, PieceText& text)
{
    text.rewrite([&](TextRewriter& rewriter, const Piece& piece) {
        rewriter.put(step.prefix, rewriter.originAt(piece.begin));
        rewriter.keep(piece.begin, piece.end);
    });
}

}  // namespace lorikeet::tokenizer
