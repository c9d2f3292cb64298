// SPDX-License-Identifier: GPL-3.0-or-later
// The two tables of the byte alphabet.
#include "engine/tokenizer/byte_alphabet.h"

#include "engine/tokenizer/unicode.h"

#include <array>

namespace lorikeet::tokenizer {
namespace {

struct Alphabet {
    std::array<std::string, 256> charOf;
    std::array<int, 0x144> byteOf{};

    Alphabet()
    {
        byteOf.fill(-1);
        char32_t next = 0x100;
        for (int byte = 0; byte < 256; ++byte) {
            const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
            const char32_t character = printable ? static_cast<char32_t>(byte) : next++;
            appendUtf8(charOf[static_cast<std::size_t>(byte)], character);
            byteOf[character] = byte;
        }
    }
};

const Alphabet& alphabet()
{
    static const Alphabet instance;
    return instance;
}

}  // namespace

const std::string& alphabetCharOf(unsigned char byte)
{
    return alphabet().charOf[byte];
}

int alphabetByteOf(char32_t character) noexcept
{
    const auto& table = alphabet().byteOf;
    return character < table.size() ? table[character] : -1;
}

bool appendSpelledBytes(std::string_view text, std::string& bytes)
{
    const std::size_t before = bytes.size();
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint character = codePointAt(text, i);
        const int byte = alphabetByteOf(character.value);
        if (byte < 0) {
            bytes.resize(before);
            return false;
        }
        bytes.push_back(static_cast<char>(static_cast<unsigned char>(byte)));
        i += character.length;
    }
    return true;
}

}  // namespace lorikeet::tokenizer
