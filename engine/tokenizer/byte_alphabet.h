// SPDX-License-Identifier: GPL-3.0-or-later
// GPT-2's alphabet: every byte as one printable character, so that byte-level vocabularies can be written in JSON.
// Source: openai/gpt-2, encoder.py, bytes_to_unicode.
#pragma once

#include <string>
#include <string_view>

namespace lorikeet::tokenizer {

/// The character of a byte, as UTF-8 (1 or 2 bytes).
[[nodiscard]] const std::string& alphabetCharOf(unsigned char byte);
/// The byte of a character, or -1 when it is not in the alphabet.
[[nodiscard]] int alphabetByteOf(char32_t character) noexcept;
/// Appends the bytes that `text` spells; false (and nothing appended) when a character is not in the alphabet.
bool appendSpelledBytes(std::string_view text, std::string& bytes);

}  // namespace lorikeet::tokenizer
