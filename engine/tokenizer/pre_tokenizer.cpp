// SPDX-License-Identifier: GPL-3.0-or-later
// Each pre-tokenizer as one cutting or rewriting of the pieces.
#include "engine/tokenizer/pre_tokenizer.h"

#include "engine/tokenizer/byte_alphabet.h"
#include "engine/tokenizer/unicode.h"

#include <algorithm>

namespace lorikeet::tokenizer {
namespace {

/// GPT-2's split pattern (openai/gpt-2, encoder.py).
constexpr std::string_view kGpt2Pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

struct Part {
    std::uint32_t begin;
    std::uint32_t end;
    bool isMatch;
};

/// Matches and what lies between them, covering the text.
std::vector<Part> coverage(std::uint32_t size, const std::vector<ByteRange>& matches, bool invert)
{
    std::vector<Part> parts;
    parts.reserve(matches.size() * 2 + 1);
    std::uint32_t done = 0;
    for (const auto& [begin, end] : matches) {
        if (done != begin) {
            parts.push_back({done, begin, invert});
        }
        parts.push_back({begin, end, !invert});
        done = end;
    }
    if (done != size) {
        parts.push_back({done, size, invert});
    }
    return parts;
}

template <typename Iterator>
void fold(Iterator from, Iterator to, SplitBehavior behavior, std::vector<Piece>& parts)
{
    bool previousMatch = false;
    const bool contiguous = behavior == SplitBehavior::Contiguous;
    const std::size_t first = parts.size();
    for (; from != to; ++from) {
        const bool joins = contiguous ? from->isMatch == previousMatch : from->isMatch && !previousMatch;
        previousMatch = from->isMatch;
        if (!joins || parts.size() == first) {
            parts.push_back({from->begin, from->end, kNoToken});
        } else if (behavior == SplitBehavior::MergedWithNext) {
            parts.back().begin = from->begin;
        } else {
            parts.back().end = from->end;
        }
    }
    if (behavior == SplitBehavior::MergedWithNext) {
        std::reverse(parts.begin() + static_cast<std::ptrdiff_t>(first), parts.end());
    }
}

void findCharacters(std::string_view text, bool (*matches)(char32_t) noexcept, std::vector<ByteRange>& found)
{
    for (std::uint32_t i = 0; i < text.size();) {
        const CodePoint character = codePointAt(text, i);
        if (matches(character.value)) {
            found.emplace_back(i, i + character.length);
        }
        i += character.length;
    }
}

}  // namespace

void cutAtMatches(std::uint32_t size, const std::vector<ByteRange>& matches, SplitBehavior behavior, bool invert,
                  std::vector<Piece>& parts)
{
    if (behavior == SplitBehavior::Isolated) {
        std::uint32_t done = 0;
        for (const auto& [begin, end] : matches) {
            if (done != begin) {
                parts.push_back({done, begin, kNoToken});
            }
            parts.push_back({begin, end, kNoToken});
            done = end;
        }
        parts.push_back({done, size, kNoToken});
        return;
    }
    const std::vector<Part> all = coverage(size, matches, invert);
    if (behavior == SplitBehavior::Removed) {
        for (const Part& part : all) {
            if (!part.isMatch) {
                parts.push_back({part.begin, part.end, kNoToken});
            }
        }
    } else if (behavior == SplitBehavior::MergedWithNext) {
        fold(all.rbegin(), all.rend(), behavior, parts);
    } else {
        fold(all.begin(), all.end(), behavior, parts);
    }
}

PreTokenizerChain::PreTokenizerChain(const std::vector<PreTokenizerSpec>& specs, const std::string& source)
{
    for (std::size_t i = 0; i < specs.size(); ++i) {
        const PreTokenizerSpec& spec = specs[i];
        if (const auto* split = std::get_if<SplitSpec>(&spec)) {
            m_steps.emplace_back(
                Split{Pattern(split->pattern.text, split->pattern.isRegex, source + ": pre_tokenizer Split: pattern"),
                      split->behavior, split->invert});
        } else if (const auto* bytes = std::get_if<ByteLevelSpec>(&spec)) {
            m_endsInBytes = i + 1 == specs.size();
            m_steps.emplace_back(ByteLevel{bytes->addPrefixSpace, bytes->useRegex, m_endsInBytes,
                                           Regex(kGpt2Pattern, source + ": pre_tokenizer ByteLevel")});
        } else if (const auto* digits = std::get_if<DigitsSpec>(&spec)) {
            m_steps.emplace_back(
                ClassSplit{&isNumeric, digits->individual ? SplitBehavior::Isolated : SplitBehavior::Contiguous});
        } else if (const auto* punctuation = std::get_if<PunctuationSpec>(&spec)) {
            m_steps.emplace_back(ClassSplit{&isPunctuation, punctuation->behavior});
        } else if (const auto* metaspace = std::get_if<MetaspaceSpec>(&spec)) {
            m_needsOrigins = m_needsOrigins || metaspace->scheme == PrependScheme::First;
            m_steps.emplace_back(*metaspace);
        } else if (const auto* fixed = std::get_if<FixedLengthSpec>(&spec)) {
            m_steps.emplace_back(*fixed);
        } else {
            m_steps.emplace_back(ClassSplit{&isWhiteSpace, SplitBehavior::Removed});
        }
    }
}

void PreTokenizerChain::apply(PieceText& text) const
{
    for (const auto& step : m_steps) {
        std::visit([&text](const auto& s) { run(s, text); }, step);
    }
}

void PreTokenizerChain::run(const Split& step, PieceText& text)
{
    std::vector<ByteRange> matches;
    text.split([&](std::string_view view, std::vector<Piece>& parts) {
        matches.clear();
        step.pattern.findAll(view, matches);
        cutAtMatches(static_cast<std::uint32_t>(view.size()), matches, step.behavior, step.invert, parts);
    });
}

void PreTokenizerChain::run(const ClassSplit& step, PieceText& text)
{
    std::vector<ByteRange> matches;
    text.split([&](std::string_view view, std::vector<Piece>& parts) {
        matches.clear();
        findCharacters(view, step.matches, matches);
        cutAtMatches(static_cast<std::uint32_t>(view.size()), matches, step.behavior, false, parts);
    });
}

void PreTokenizerChain::run(const ByteLevel& step, PieceText& text)
{
    if (step.addPrefixSpace) {
        text.rewrite([&text](TextRewriter& rewriter, const Piece& piece) {
            if (text.text()[piece.begin] != ' ') {
                rewriter.put(" ", rewriter.originAt(piece.begin));
            }
            rewriter.keep(piece.begin, piece.end);
        });
    }
    if (step.useRegex) {
        std::vector<ByteRange> matches;
        text.split([&](std::string_view view, std::vector<Piece>& parts) {
            matches.clear();
            step.pattern.findAll(view, matches);
            cutAtMatches(static_cast<std::uint32_t>(view.size()), matches, SplitBehavior::Isolated, false, parts);
        });
    }
    if (!step.last) {
        text.rewrite([&text](TextRewriter& rewriter, const Piece& piece) {
            for (std::uint32_t i = piece.begin; i < piece.end; ++i) {
                rewriter.put(alphabetCharOf(static_cast<unsigned char>(text.text()[i])), rewriter.originAt(i));
            }
        });
    }
}

void PreTokenizerChain::run(const FixedLengthSpec& step, PieceText& text)
{
    text.split([&step](std::string_view view, std::vector<Piece>& parts) {
        std::size_t count = 0;
        std::uint32_t begin = 0;
        for (std::uint32_t i = 0; i < view.size();) {
            i += lengthFromLead(static_cast<unsigned char>(view[i]));
            if (++count % step.characters == 0 || i >= view.size()) {
                parts.push_back({begin, i, kNoToken});
                begin = i;
            }
        }
    });
}

void PreTokenizerChain::run(const MetaspaceSpec& step, PieceText& text)
{
    text.rewrite([&](TextRewriter& rewriter, const Piece& piece) {
        const std::string_view view = text.view(piece);
        const bool wanted = step.scheme == PrependScheme::Always
            || (step.scheme == PrependScheme::First && rewriter.originAt(piece.begin).first == 0);
        if (wanted && view.front() != ' ' && !view.starts_with(step.replacement)) {
            rewriter.put(step.replacement, rewriter.originAt(piece.begin));
        }
        std::uint32_t done = 0;
        for (std::size_t at = view.find(' '); at != std::string_view::npos; at = view.find(' ', at + 1)) {
            const auto blank = static_cast<std::uint32_t>(at);
            rewriter.keep(piece.begin + done, piece.begin + blank);
            rewriter.put(step.replacement, rewriter.originAt(piece.begin + blank));
            done = blank + 1;
        }
        rewriter.keep(piece.begin + done, piece.end);
    });
    if (step.split) {
        const Pattern replacement(step.replacement, false, "pre_tokenizer Metaspace");
        std::vector<ByteRange> matches;
        text.split([&](std::string_view view, std::vector<Piece>& parts) {
            matches.clear();
            replacement.findAll(view, matches);
            cutAtMatches(static_cast<std::uint32_t>(view.size()), matches, SplitBehavior::MergedWithNext, false, parts);
        });
    }
}

}  // namespace lorikeet::tokenizer
