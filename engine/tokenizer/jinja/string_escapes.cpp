// SPDX-License-Identifier: GPL-3.0-or-later
// Escapes to characters.
#include "engine/tokenizer/jinja/string_escapes.h"

#include "engine/tokenizer/jinja/failure.h"
#include "engine/tokenizer/jinja/unicode.h"

namespace lorikeet::jinja {
namespace {

int hexValue(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Reads `digits` hexadecimal digits at `i`; returns where to go on.
std::size_t appendHex(std::string_view raw, std::size_t i, std::size_t digits, std::string& out)
{
    char32_t code = 0;
    for (std::size_t k = 0; k < digits; ++k, ++i) {
        if (i >= raw.size() || hexValue(raw[i]) < 0)
            throw Failure("a \\x, \\u or \\U escape has too few digits");
        code = code * 16 + static_cast<char32_t>(hexValue(raw[i]));
    }
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        throw Failure("a string escape names no valid character");
    appendCodePoint(out, code);
    return i;
}

std::size_t appendOctal(std::string_view raw, std::size_t i, std::string& out)
{
    char32_t code = 0;
    for (int k = 0; k < 3 && i < raw.size() && raw[i] >= '0' && raw[i] <= '7'; ++k)
        code = code * 8 + static_cast<char32_t>(raw[i++] - '0');
    appendCodePoint(out, code);
    return i;
}

// `i` stands behind the backslash; returns where to go on.
std::size_t appendEscape(std::string_view raw, std::size_t i, std::string& out)
{
    constexpr std::string_view kNames = "\\'\"abfnrtv";
    constexpr std::string_view kMeanings = "\\'\"\a\b\f\n\r\t\v";
    const char c = raw[i];
    if (c == '\n')
        return i + 1;
    if (const std::size_t named = kNames.find(c); named != std::string_view::npos) {
        out.push_back(kMeanings[named]);
        return i + 1;
    }
    if (c >= '0' && c <= '7')
        return appendOctal(raw, i, out);
    switch (c) {
    case 'x': return appendHex(raw, i + 1, 2, out);
    case 'u': return appendHex(raw, i + 1, 4, out);
    case 'U': return appendHex(raw, i + 1, 8, out);
    case 'N': throw Failure("the escape \\N{...} is not supported");
    default: break;
    }
    out.push_back('\\');
    return i;
}

}  // namespace

std::string unescapedString(std::string_view raw)
{
    std::string out;
    for (std::size_t i = 0; i < raw.size();) {
        if (raw[i] != '\\')
            out.push_back(raw[i++]);
        else
            i = appendEscape(raw, i + 1, out);
    }
    return out;
}

}  // namespace lorikeet::jinja
