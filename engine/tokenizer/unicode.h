// SPDX-License-Identifier: GPL-3.0-or-later
// UTF-8 and the character classes that tokenizers ask for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lorikeet::tokenizer {

/// A decoded character and its length in bytes.
struct CodePoint {
    char32_t value = 0;
    std::uint32_t length = 1;
};

/// The character that starts at `index`; the text must be valid UTF-8 there.
[[nodiscard]] CodePoint codePointAt(std::string_view text, std::size_t index) noexcept;
/// Length of the character that starts with `lead`, for valid UTF-8.
[[nodiscard]] constexpr std::uint32_t lengthFromLead(unsigned char lead) noexcept
{
    return lead < 0x80 ? 1U : lead < 0xE0 ? 2U : lead < 0xF0 ? 3U : 4U;
}
[[nodiscard]] constexpr bool isContinuation(unsigned char byte) noexcept { return (byte & 0xC0U) == 0x80U; }

void appendUtf8(std::string& text, char32_t value);

/// Offset of the first byte that is not UTF-8 (surrogates and overlong forms included), or npos.
[[nodiscard]] std::size_t firstInvalidUtf8(std::string_view text) noexcept;
/// @throws Error{BadInput} with the offset when `text` is not UTF-8.
void requireUtf8(std::string_view text);
/// `bytes` with every maximal broken part replaced by U+FFFD (as the WHATWG and Rust do).
[[nodiscard]] std::string replaceBrokenUtf8(std::string_view bytes);
/// How many bytes at the end may still become a character when more bytes come.
[[nodiscard]] std::size_t incompleteTail(std::string_view bytes) noexcept;

/// White_Space of Unicode.
[[nodiscard]] bool isWhiteSpace(char32_t value) noexcept;
/// Appends the lower case of one character: one character, two for U+0130; no context (no final sigma).
void appendLowercase(std::string& text, char32_t value);
/// General category N (Nd, Nl, No).
[[nodiscard]] bool isNumeric(char32_t value) noexcept;
/// General category P (of Unicode 8, as the package that Hugging Face uses), or ASCII punctuation ($+<=>^`|~ included).
[[nodiscard]] bool isPunctuation(char32_t value) noexcept;
/// \w of Unicode's regular expressions: Alphabetic, M, Nd, Pc and the two joiners.
[[nodiscard]] bool isWordCharacter(char32_t value) noexcept;

}  // namespace lorikeet::tokenizer
