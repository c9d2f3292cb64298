// SPDX-License-Identifier: GPL-3.0-or-later
// The small languages inside job fields (names of targets, recompute levels by layer range) and "did you mean".
#pragma once

#include "engine/spec/job.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet {

/// Levels of the layers first..last (inclusive); last is -1 for a level that stands for all layers.
struct RecomputeRange {
    std::int64_t first = 0;
    std::int64_t last = -1;
    Recompute level = Recompute::Cheap;
};
/// Parses "1" or "0-9:1,10-27:3" or "5:0". @throws Error{Usage} when malformed, backwards or overlapping.
[[nodiscard]] std::vector<RecomputeRange> parseRecompute(std::string_view text);

/// Maps the words of recipe.targets ("q", "q_proj", "all") to linear maps in kLinears order, each once.
/// @throws Error{Usage} on an empty list or an unknown word, with a "did you mean".
[[nodiscard]] std::vector<Linear> parseTargets(std::span<const std::string> words);

/// Edit distance with adjacent swaps (restricted Damerau-Levenshtein).
[[nodiscard]] std::size_t editDistance(std::string_view a, std::string_view b);
/// The candidate nearest to `word`, if at most a third of its letters (and at least one) would have to change.
[[nodiscard]] std::optional<std::string> nearestWord(std::string_view word, std::span<const std::string> candidates);

/// Parts of `text` between commas, without the blanks around them.
[[nodiscard]] std::vector<std::string> splitAtCommas(std::string_view text);
/// Shortest text that reads back as the same double: "16", "0.03", "2e-04"; whole numbers below 2^53 without exponent.
[[nodiscard]] std::string numberText(double value);
/// "a, b or c".
[[nodiscard]] std::string listInWords(std::span<const std::string> words);

}  // namespace lorikeet
