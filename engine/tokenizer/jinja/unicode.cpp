// SPDX-License-Identifier: GPL-3.0-or-later
// UTF-8, character classes and case mapping over the generated tables.
#include "engine/tokenizer/jinja/unicode.h"

#include <algorithm>

#include "engine/tokenizer/jinja/budget.h"
#include "engine/tokenizer/jinja/unicode_tables.h"

namespace lorikeet::jinja {
namespace {

bool inRanges(const std::vector<CodeRange>& ranges, char32_t code) noexcept
{
    const auto found = std::upper_bound(ranges.begin(), ranges.end(), code,
                                        [](char32_t value, const CodeRange& range) { return value < range.first; });
    return found != ranges.begin() && code <= std::prev(found)->last;
}

constexpr bool isAsciiLower(char32_t code) { return code >= 'a' && code <= 'z'; }
constexpr bool isAsciiUpper(char32_t code) { return code >= 'A' && code <= 'Z'; }
constexpr bool isAsciiDigit(char32_t code) { return code >= '0' && code <= '9'; }

void appendMapped(std::string& out, char32_t code, const std::vector<CaseRun>& runs, const std::vector<SpecialCase>& specials)
{
    const auto special = std::lower_bound(specials.begin(), specials.end(), code,
                                          [](const SpecialCase& s, char32_t value) { return s.code < value; });
    if (special != specials.end() && special->code == code) {
        out.append(special->mapped);
        return;
    }
    auto run = std::upper_bound(runs.begin(), runs.end(), code,
                                [](char32_t value, const CaseRun& r) { return value < r.first; });
    // Runs with stride 2 may interleave, so more than one may cover the code point.
    for (int back = 0; back < 4 && run != runs.begin(); ++back) {
        --run;
        if (code <= run->last && (code - run->first) % run->stride == 0) {
            appendCodePoint(out, code + static_cast<char32_t>(run->delta));
            return;
        }
    }
    appendCodePoint(out, code);
}

enum class Case { Upper, Lower, Title };

// A capital sigma at the end of a word becomes a final sigma (Unicode SpecialCasing, Final_Sigma).
bool isFinalSigma(std::string_view text, std::size_t before, std::size_t after)
{
    bool letterBefore = false;
    while (before > 0) {
        const char32_t code = previousCodePoint(text, before);
        if (inRanges(kCaseIgnorable, code))
            continue;
        letterBefore = isUppercase(code) || isLowercase(code) || isTitlecase(code);
        break;
    }
    if (!letterBefore)
        return false;
    while (after < text.size()) {
        const char32_t code = nextCodePoint(text, after);
        if (inRanges(kCaseIgnorable, code))
            continue;
        return !(isUppercase(code) || isLowercase(code) || isTitlecase(code));
    }
    return true;
}

void appendCased(std::string& out, char32_t code, Case wanted, std::string_view all, std::size_t begin, std::size_t end)
{
    if (code < 0x80) {
        if (wanted == Case::Lower)
            out.push_back(static_cast<char>(isAsciiUpper(code) ? code + 32 : code));
        else
            out.push_back(static_cast<char>(isAsciiLower(code) ? code - 32 : code));
    } else if (wanted == Case::Upper) {
        appendMapped(out, code, kUpperRuns, kUpperSpecials);
    } else if (wanted == Case::Title) {
        appendMapped(out, code, kTitleRuns, kTitleSpecials);
    } else if (code == 0x3a3) {
        out.append(isFinalSigma(all, begin, end) ? "\xcf\x82" : "\xcf\x83");
    } else {
        appendMapped(out, code, kLowerRuns, kLowerSpecials);
    }
}

// Maps every character to the case that choose(code, index) names.
template <typename Choose>
Text mapCase(const Text& text, Choose&& choose)
{
    spendMapping(text.size());
    Text result;
    std::size_t index = 0;
    forEachPiece(text, [&](std::string_view piece, Source source, std::size_t offset) {
        std::string mapped;
        for (std::size_t at = 0; at < piece.size();) {
            const std::size_t begin = at;
            const char32_t code = nextCodePoint(piece, at);
            appendCased(mapped, code, choose(code, index++), text.view(), offset + begin, offset + at);
        }
        result.append(mapped, source);
    });
    return result;
}

}  // namespace

bool isValidUtf8(std::string_view text) noexcept
{
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        if (lead < 0x80) {
            ++i;
            continue;
        }
        const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        if (lead < 0xc2 || lead > 0xf4 || i + length > text.size())
            return false;
        for (std::size_t k = 1; k < length; ++k)
            if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80)
                return false;
        const auto second = static_cast<unsigned char>(text[i + 1]);
        if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second >= 0xa0) || (lead == 0xf0 && second < 0x90)
            || (lead == 0xf4 && second >= 0x90))
            return false;
        i += length;
    }
    return true;
}

char32_t nextCodePoint(std::string_view text, std::size_t& offset) noexcept
{
    const auto lead = static_cast<unsigned char>(text[offset++]);
    if (lead < 0x80)
        return lead;
    const int follow = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    char32_t code = lead & (0x3f >> follow);
    for (int k = 0; k < follow && offset < text.size(); ++k)
        code = code << 6 | (static_cast<unsigned char>(text[offset++]) & 0x3f);
    return code;
}

char32_t previousCodePoint(std::string_view text, std::size_t& offset) noexcept
{
    --offset;
    while (offset > 0 && (static_cast<unsigned char>(text[offset]) & 0xc0) == 0x80)
        --offset;
    std::size_t at = offset;
    return nextCodePoint(text, at);
}

void appendCodePoint(std::string& text, char32_t code)
{
    if (code < 0x80) {
        text.push_back(static_cast<char>(code));
    } else if (code < 0x800) {
        text.push_back(static_cast<char>(0xc0 | code >> 6));
        text.push_back(static_cast<char>(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        text.push_back(static_cast<char>(0xe0 | code >> 12));
        text.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
        text.push_back(static_cast<char>(0x80 | (code & 0x3f)));
    } else {
        text.push_back(static_cast<char>(0xf0 | code >> 18));
        text.push_back(static_cast<char>(0x80 | (code >> 12 & 0x3f)));
        text.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
        text.push_back(static_cast<char>(0x80 | (code & 0x3f)));
    }
}

std::string utf8Of(char32_t code)
{
    std::string text;
    appendCodePoint(text, code);
    return text;
}

std::size_t countCodePoints(std::string_view text) noexcept
{
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
        return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;
    }));
}

std::size_t byteOffset(std::string_view text, std::size_t index) noexcept
{
    std::size_t offset = 0;
    for (; offset < text.size(); ++offset) {
        if ((static_cast<unsigned char>(text[offset]) & 0xc0) != 0x80 && index-- == 0)
            return offset;
    }
    return offset;
}

bool isSpace(char32_t code) noexcept
{
    if (code < 0x80)
        return code == ' ' || (code >= 9 && code <= 13) || (code >= 0x1c && code <= 0x1f);
    return code == 0x85 || code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028
        || code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

bool isLineBreak(char32_t code) noexcept
{
    return (code >= 10 && code <= 13) || (code >= 0x1c && code <= 0x1e) || code == 0x85 || code == 0x2028 || code == 0x2029;
}

bool isAlphabetic(char32_t code) noexcept
{
    return code < 0x80 ? isAsciiLower(code) || isAsciiUpper(code) : inRanges(kAlphabetic, code);
}

bool isDecimal(char32_t code) noexcept { return code < 0x80 ? isAsciiDigit(code) : inRanges(kDecimal, code); }
bool isDigit(char32_t code) noexcept { return code < 0x80 ? isAsciiDigit(code) : inRanges(kDigit, code); }
bool isNumeric(char32_t code) noexcept { return code < 0x80 ? isAsciiDigit(code) : inRanges(kNumeric, code); }

bool isAlphanumeric(char32_t code) noexcept
{
    return isAlphabetic(code) || isNumeric(code);
}

bool isPrintable(char32_t code) noexcept
{
    return code < 0x7f ? code >= 0x20 : !inRanges(kUnprintable, code);
}

bool isUppercase(char32_t code) noexcept { return code < 0x80 ? isAsciiUpper(code) : inRanges(kUppercase, code); }
bool isLowercase(char32_t code) noexcept { return code < 0x80 ? isAsciiLower(code) : inRanges(kLowercase, code); }
bool isTitlecase(char32_t code) noexcept { return code >= 0x80 && inRanges(kTitlecase, code); }

Text upperCase(const Text& text)
{
    return mapCase(text, [](char32_t, std::size_t) { return Case::Upper; });
}

Text lowerCase(const Text& text)
{
    return mapCase(text, [](char32_t, std::size_t) { return Case::Lower; });
}

Text titleCase(const Text& text)
{
    bool inWord = false;
    return mapCase(text, [&](char32_t code, std::size_t) {
        const Case wanted = inWord ? Case::Lower : Case::Title;
        inWord = isUppercase(code) || isLowercase(code) || isTitlecase(code);
        return wanted;
    });
}

Text capitalized(const Text& text)
{
    return mapCase(text, [](char32_t, std::size_t index) { return index == 0 ? Case::Title : Case::Lower; });
}

Text swappedCase(const Text& text)
{
    return mapCase(text, [](char32_t code, std::size_t) { return isUppercase(code) ? Case::Lower : Case::Upper; });
}

}  // namespace lorikeet::jinja
