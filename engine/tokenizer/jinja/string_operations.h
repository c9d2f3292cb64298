// SPDX-License-Identifier: GPL-3.0-or-later
// The string operations that both filters and methods offer.
#pragma once

#include <optional>
#include <vector>

#include "engine/tokenizer/jinja/runtime.h"

namespace lorikeet::jinja {

enum class Side { Left, Right, Both };

/// Offset of `needle` in `hay` at or behind `from`, or npos. Linear in time whatever the texts.
[[nodiscard]] std::size_t findText(std::string_view hay, std::string_view needle, std::size_t from);
/// Offset of the last `needle` that lies within the first `end` bytes of `hay`, or npos.
[[nodiscard]] std::size_t findTextBackwards(std::string_view hay, std::string_view needle, std::size_t end);

/// strip, lstrip, rstrip: white space, or any of the characters of `characters`.
[[nodiscard]] Text stripped(const Text& text, Side side, std::optional<std::string_view> characters);
/// str.replace; a negative count means all. @throws Failure when the result would be too long.
[[nodiscard]] Text replaced(Runtime& runtime, const Text& text, const Text& old, const Text& with, std::int64_t count);
/// str.split / rsplit at white space (no separator) or at a separator. @throws Failure for an empty one.
[[nodiscard]] std::vector<Text> splitText(Runtime& runtime, const Text& text, std::optional<std::string_view> separator,
                                          std::int64_t limit, bool fromRight);
[[nodiscard]] std::vector<Text> splitLines(const Text& text, bool keepEnds);

}  // namespace lorikeet::jinja
