// SPDX-License-Identifier: GPL-3.0-or-later
// Code points: reading and writing UTF-8, Python's character classes and case mapping (Unicode data of CPython).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/tokenizer/jinja/text.h"

namespace lorikeet::jinja {

/// True for well-formed UTF-8 without surrogates.
[[nodiscard]] bool isValidUtf8(std::string_view text) noexcept;
/// The code point at `offset` of valid UTF-8; moves `offset` behind it.
[[nodiscard]] char32_t nextCodePoint(std::string_view text, std::size_t& offset) noexcept;
/// Moves `offset` (> 0) to the start of the code point before it.
[[nodiscard]] char32_t previousCodePoint(std::string_view text, std::size_t& offset) noexcept;
void appendCodePoint(std::string& text, char32_t code);
[[nodiscard]] std::string utf8Of(char32_t code);
[[nodiscard]] std::size_t countCodePoints(std::string_view text) noexcept;
/// Byte offset of the code point number `index` (or the end).
[[nodiscard]] std::size_t byteOffset(std::string_view text, std::size_t index) noexcept;

[[nodiscard]] bool isSpace(char32_t code) noexcept;
[[nodiscard]] bool isLineBreak(char32_t code) noexcept;
[[nodiscard]] bool isAlphabetic(char32_t code) noexcept;
[[nodiscard]] bool isDecimal(char32_t code) noexcept;
[[nodiscard]] bool isDigit(char32_t code) noexcept;
[[nodiscard]] bool isNumeric(char32_t code) noexcept;
[[nodiscard]] bool isAlphanumeric(char32_t code) noexcept;
[[nodiscard]] bool isPrintable(char32_t code) noexcept;
[[nodiscard]] bool isUppercase(char32_t code) noexcept;
[[nodiscard]] bool isLowercase(char32_t code) noexcept;
[[nodiscard]] bool isTitlecase(char32_t code) noexcept;

/// str.upper, lower, title, capitalize, swapcase; origin is kept per character.
[[nodiscard]] Text upperCase(const Text& text);
[[nodiscard]] Text lowerCase(const Text& text);
[[nodiscard]] Text titleCase(const Text& text);
[[nodiscard]] Text capitalized(const Text& text);
[[nodiscard]] Text swappedCase(const Text& text);

}  // namespace lorikeet::jinja
