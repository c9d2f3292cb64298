// SPDX-License-Identifier: GPL-3.0-or-later
// Each normalizer as one rewriting of the pieces.
#include "engine/tokenizer/normalizer.h"

#include "engine/tokenizer/byte_alphabet.h"
#include "engine/tokenizer/nfc.h"
#include "engine/tokenizer/unicode.h"

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
        } else if (const auto* form = std::get_if<NormalFormSpec>(&spec)) {
            m_steps.emplace_back(*form);
        } else if (const auto* strip = std::get_if<StripSpec>(&spec)) {
            m_steps.emplace_back(*strip);
        } else if (std::holds_alternative<LowercaseSpec>(spec)) {
            m_steps.emplace_back(LowercaseSpec{});
        } else {
            m_steps.emplace_back(SpelledBytesSpec{});
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

void NormalizerChain::run(const NormalFormSpec& step, PieceText& text)
{
    const bool untouched = std::all_of(text.pieces().begin(), text.pieces().end(), [&](const Piece& piece) {
        return piece.added != kNoToken || isSurelyNormal(text.view(piece), step.form);
    });
    if (!untouched) {
        text.rewrite([&](TextRewriter& rewriter, const Piece& piece) {
            putNormalForm(rewriter, text.view(piece), piece, step.form);
        });
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

void NormalizerChain::run(const LowercaseSpec&, PieceText& text)
{
    text.rewrite([&text](TextRewriter& rewriter, const Piece& piece) {
        std::string small;
        for (std::uint32_t i = piece.begin; i < piece.end;) {
            const CodePoint character = codePointAt(text.text(), i);
            small.clear();
            appendLowercase(small, character.value);
            rewriter.put(small, rewriter.originAt(i));
            i += character.length;
        }
    });
}

void NormalizerChain::run(const StripSpec& step, PieceText& text)
{
    text.split([&step](std::string_view view, std::vector<Piece>& parts) {
        std::uint32_t begin = 0;
        auto end = static_cast<std::uint32_t>(view.size());
        while (step.left && begin < end && isWhiteSpace(codePointAt(view, begin).value)) {
            begin += codePointAt(view, begin).length;
        }
        while (step.right && end > begin) {
            std::uint32_t last = end - 1;
            while (isContinuation(static_cast<unsigned char>(view[last]))) {
                --last;
            }
            if (!isWhiteSpace(codePointAt(view, last).value)) {
                break;
            }
            end = last;
        }
        parts.push_back({begin, end, kNoToken});
    });
}

void NormalizerChain::run(const SpelledBytesSpec&, PieceText& text)
{
    text.rewrite([&text](TextRewriter& rewriter, const Piece& piece) {
        for (std::uint32_t i = piece.begin; i < piece.end; ++i) {
            rewriter.put(alphabetCharOf(static_cast<unsigned char>(text.text()[i])), rewriter.originAt(i));
        }
    });
}

}  // namespace lorikeet::tokenizer
