// SPDX-License-Identifier: GPL-3.0-or-later
// Every piece is taken apart in all ways; a way whose two parts can come up is a merge.
#include "engine/tokenizer/scored_merges.h"

#include "engine/tokenizer/unicode.h"

#include <algorithm>

namespace lorikeet::tokenizer {
namespace {

constexpr std::string_view kBlank = "\u2581";
constexpr std::string_view kPlace = "tokenizer.ggml.tokens";

std::size_t characterLength(std::string_view text, std::size_t index)
{
    return lengthFromLead(static_cast<unsigned char>(text[index]));
}

/// Mergeable pieces of more than one character, best score first.
std::vector<std::size_t> longPieces(const ScoredPieceSpec& spec)
{
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < spec.pieces.size(); ++i) {
        const auto& piece = spec.pieces[i];
        if (piece.mergeable && piece.text.size() > characterLength(piece.text, 0)) {
            order.push_back(i);
        }
    }
    std::stable_sort(order.begin(), order.end(),
                     [&spec](std::size_t a, std::size_t b) { return spec.pieces[a].score > spec.pieces[b].score; });
    return order;
}

Vocabulary mergeablePieces(const ScoredPieceSpec& spec)
{
    std::vector<std::pair<std::string, TokenId>> tokens;
    for (std::size_t i = 0; i < spec.pieces.size(); ++i) {
        if (spec.pieces[i].mergeable) {
            tokens.emplace_back(spec.pieces[i].text, static_cast<TokenId>(i));
        }
    }
    return {tokens, kPlace};
}

Vocabulary missingCharacters(const ScoredPieceSpec& spec, const std::vector<std::size_t>& order, const Vocabulary& known)
{
    std::vector<std::string> singles;
    for (const std::size_t index : order) {
        const std::string& text = spec.pieces[index].text;
        for (std::size_t i = 0; i < text.size(); i += characterLength(text, i)) {
            if (!known.find(std::string_view(text).substr(i, characterLength(text, i)))) {
                singles.push_back(text.substr(i, characterLength(text, i)));
            }
        }
    }
    std::sort(singles.begin(), singles.end());
    singles.erase(std::unique(singles.begin(), singles.end()), singles.end());
    std::vector<std::pair<std::string, TokenId>> tokens;
    for (std::size_t i = 0; i < singles.size(); ++i) {
        tokens.emplace_back(singles[i], static_cast<TokenId>(i));
    }
    return {tokens, kPlace};
}

}  // namespace

bool crossesBlank(std::string_view text) noexcept
{
    for (std::size_t at = text.find(kBlank); at != std::string_view::npos; at = text.find(kBlank, at + 1)) {
        if (at > 0 && !text.substr(0, at).ends_with(kBlank)) {
            return true;
        }
    }
    return false;
}

ScoredMerges scoredMerges(const ScoredPieceSpec& spec)
{
    const std::vector<std::size_t> order = longPieces(spec);
    const Vocabulary known = mergeablePieces(spec);
    ScoredMerges result;
    result.placeholders = missingCharacters(spec, order, known);
    result.cutsAtBlanks = known.find(kBlank).has_value();
    std::size_t ways = 0;
    for (const std::size_t index : order) {
        ways += spec.pieces[index].text.size();
        result.cutsAtBlanks = result.cutsAtBlanks && !crossesBlank(spec.pieces[index].text);
    }
    result.merges = MergeTable(ways);
    const auto idOf = [&](std::string_view text) {
        const auto place = result.placeholders.find(text);
        return known.find(text).value_or(place ? static_cast<TokenId>(spec.pieces.size()) + *place : -1);
    };
    std::uint32_t rank = 0;
    for (std::size_t k = 0; k < order.size(); ++k) {
        const auto& piece = spec.pieces[order[k]];
        rank += k > 0 && piece.score != spec.pieces[order[k - 1]].score ? 1 : 0;
        const std::string_view text = piece.text;
        for (std::size_t i = characterLength(text, 0); i < text.size(); i += characterLength(text, i)) {
            const TokenId left = idOf(text.substr(0, i));
            const TokenId right = idOf(text.substr(i));
            if (left >= 0 && right >= 0) {
                result.merges.insert(left, right, {rank, static_cast<TokenId>(order[k])});
            }
        }
    }
    return result;
}

}  // namespace lorikeet::tokenizer
