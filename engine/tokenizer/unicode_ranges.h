// SPDX-License-Identifier: GPL-3.0-or-later
// Character classes as Hugging Face `tokenizers` has them, above ASCII, independent of the versions of our libraries.
#pragma once

#include <span>

namespace lorikeet::tokenizer {

/// First and last code point, ordered.
struct CodeRange {
    char32_t first;
    char32_t last;
};

/// Characters that came after Unicode 14, and an older one of the same category, script (Han or not) and UTF-8 length.
struct StandIn {
    char32_t first;
    char32_t last;
    char32_t standIn;
};

/// Rust's char::is_numeric.
[[nodiscard]] std::span<const CodeRange> numericRanges() noexcept;
/// What the Punctuation pre-tokenizer cuts out.
[[nodiscard]] std::span<const CodeRange> punctuationRanges() noexcept;
/// What `tokenizers`' Oniguruma knows and one with Unicode 14 does not.
[[nodiscard]] std::span<const StandIn> youngCharacters() noexcept;

}  // namespace lorikeet::tokenizer
