// SPDX-License-Identifier: GPL-3.0-or-later
// UTF-8 checks by Unicode table 3-7, classes from unicode_ranges.cpp and utf8proc.
#include "engine/tokenizer/unicode.h"

#include "engine/base/error.h"
#include "engine/tokenizer/unicode_ranges.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstring>

namespace lorikeet::tokenizer {
namespace {

unsigned char byteAt(std::string_view text, std::size_t index) noexcept
{
    return static_cast<unsigned char>(text[index]);
}

/// What the bytes at `index` are: a character of `length` bytes, or `length` bytes that can never be one, or (when
/// `truncated`) a good beginning of `length` bytes that the text cuts.
struct Sequence {
    std::size_t length = 1;
    bool valid = false;
    bool truncated = false;
};

Sequence sequenceAt(std::string_view text, std::size_t index) noexcept
{
    const unsigned char lead = byteAt(text, index);
    if (lead < 0x80) {
        return {1, true, false};
    }
    if (lead < 0xC2 || lead > 0xF4) {
        return {1, false, false};
    }
    const std::size_t wanted = lengthFromLead(lead);
    // The second byte is narrower for some leads: no overlong forms, no surrogates, nothing above U+10FFFF.
    const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    for (std::size_t i = 1; i < wanted; ++i) {
        if (index + i >= text.size()) {
            return {i, false, true};
        }
        const unsigned char byte = byteAt(text, index + i);
        if (byte < (i == 1 ? low : 0x80) || byte > (i == 1 ? high : 0xBF)) {
            return {i, false, false};
        }
    }
    return {wanted, true, false};
}

/// Capitals of Unicode 16 and 17, which `tokenizers` knows and utf8proc of Unicode 14 does not.
struct CaseRange {
    char32_t first, last, lower;
};
constexpr CaseRange kYoungCapitals[] = {
    {0x1C89, 0x1C89, 0x1C8A}, {0xA7CB, 0xA7CB, 0x264},  {0xA7CC, 0xA7CC, 0xA7CD}, {0xA7CE, 0xA7CE, 0xA7CF},
    {0xA7D2, 0xA7D2, 0xA7D3}, {0xA7D4, 0xA7D4, 0xA7D5}, {0xA7DA, 0xA7DA, 0xA7DB}, {0xA7DC, 0xA7DC, 0x19B},
    {0x10D50, 0x10D65, 0x10D70}, {0x16EA0, 0x16EB8, 0x16EBB},
};

utf8proc_category_t categoryOf(char32_t value) noexcept
{
    return utf8proc_category(static_cast<utf8proc_int32_t>(value));
}

bool isIn(std::span<const CodeRange> ranges, char32_t value) noexcept
{
    const auto found = std::lower_bound(ranges.begin(), ranges.end(), value,
                                        [](const CodeRange& range, char32_t v) { return range.last < v; });
    return found != ranges.end() && found->first <= value;
}

}  // namespace

CodePoint codePointAt(std::string_view text, std::size_t index) noexcept
{
    const unsigned char lead = byteAt(text, index);
    if (lead < 0x80) {
        return {lead, 1};
    }
    const std::uint32_t length = lengthFromLead(lead);
    char32_t value = lead & (0x7FU >> length);
    for (std::uint32_t i = 1; i < length && index + i < text.size(); ++i) {
        value = (value << 6U) | (byteAt(text, index + i) & 0x3FU);
    }
    return {value, length};
}

void appendUtf8(std::string& text, char32_t value)
{
    const auto put = [&text](char32_t byte) { text.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
    if (value < 0x80) {
        put(value);
    } else if (value < 0x800) {
        put(0xC0U | (value >> 6U));
        put(0x80U | (value & 0x3FU));
    } else if (value < 0x10000) {
        put(0xE0U | (value >> 12U));
        put(0x80U | ((value >> 6U) & 0x3FU));
        put(0x80U | (value & 0x3FU));
    } else {
        put(0xF0U | (value >> 18U));
        put(0x80U | ((value >> 12U) & 0x3FU));
        put(0x80U | ((value >> 6U) & 0x3FU));
        put(0x80U | (value & 0x3FU));
    }
}

std::size_t firstInvalidUtf8(std::string_view text) noexcept
{
    std::size_t i = 0;
    while (i < text.size()) {
        // Eight ASCII bytes at a time: most text is.
        while (i + 8 <= text.size()) {
            std::uint64_t word = 0;
            std::memcpy(&word, text.data() + i, 8);
            if ((word & 0x8080808080808080ULL) != 0) {
                break;
            }
            i += 8;
        }
        if (i >= text.size()) {
            break;
        }
        const Sequence sequence = sequenceAt(text, i);
        if (!sequence.valid) {
            return i;
        }
        i += sequence.length;
    }
    return std::string_view::npos;
}

void requireUtf8(std::string_view text)
{
    const std::size_t broken = firstInvalidUtf8(text);
    if (broken != std::string_view::npos) {
        throw Error{ErrorCode::BadInput, "the text is not valid UTF-8: byte " + std::to_string(broken) + " of "
                                             + std::to_string(text.size()) + " starts no character",
                    "convert the file to UTF-8"};
    }
}

std::string replaceBrokenUtf8(std::string_view bytes)
{
    std::string text;
    text.reserve(bytes.size());
    for (std::size_t i = 0; i < bytes.size();) {
        const Sequence sequence = sequenceAt(bytes, i);
        if (sequence.valid) {
            text.append(bytes.substr(i, sequence.length));
        } else {
            text.append("\xEF\xBF\xBD");
        }
        i += sequence.length;
    }
    return text;
}

std::size_t incompleteTail(std::string_view bytes) noexcept
{
    const std::size_t farthest = bytes.size() < 3 ? bytes.size() : 3;
    for (std::size_t back = 1; back <= farthest; ++back) {
        const std::size_t index = bytes.size() - back;
        if (isContinuation(byteAt(bytes, index))) {
            continue;
        }
        const Sequence sequence = sequenceAt(bytes, index);
        return sequence.truncated && sequence.length == back ? back : 0;
    }
    return 0;
}

bool isWhiteSpace(char32_t value) noexcept
{
    if (value < 0x80) {
        return value == ' ' || (value >= 9 && value <= 13);
    }
    return value == 0x85 || value == 0xA0 || value == 0x1680 || (value >= 0x2000 && value <= 0x200A) || value == 0x2028
        || value == 0x2029 || value == 0x202F || value == 0x205F || value == 0x3000;
}

void appendLowercase(std::string& text, char32_t value)
{
    if (value == 0x130) {  // the one unconditional mapping to two characters (SpecialCasing.txt)
        text.append("i\xCC\x87");
        return;
    }
    const auto* young = std::find_if(std::begin(kYoungCapitals), std::end(kYoungCapitals), [value](const CaseRange& range) {
        return range.first <= value && value <= range.last;
    });
    if (young != std::end(kYoungCapitals)) {
        appendUtf8(text, value - young->first + young->lower);
        return;
    }
    appendUtf8(text, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(value))));
}

bool isNumeric(char32_t value) noexcept
{
    if (value < 0x80) {
        return value >= '0' && value <= '9';
    }
    return isIn(numericRanges(), value);
}

bool isPunctuation(char32_t value) noexcept
{
    if (value < 0x80) {
        return (value >= 0x21 && value <= 0x2F) || (value >= 0x3A && value <= 0x40) || (value >= 0x5B && value <= 0x60)
            || (value >= 0x7B && value <= 0x7E);
    }
    return isIn(punctuationRanges(), value);
}

bool isWordCharacter(char32_t value) noexcept
{
    switch (categoryOf(value)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
        return true;
    default:
        // Other_Alphabetic symbols (circled and squared letters) and the joiners.
        return value == 0x200C || value == 0x200D || (value >= 0x24B6 && value <= 0x24E9)
            || (value >= 0x1F130 && value <= 0x1F149) || (value >= 0x1F150 && value <= 0x1F169)
            || (value >= 0x1F170 && value <= 0x1F189);
    }
}

}  // namespace lorikeet::tokenizer
