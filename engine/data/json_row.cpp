// SPDX-License-Identifier: GPL-3.0-or-later
// Limits are checked by one scan before the parser sees the text; the parser's own words are shortened to what a user can act on.
#include "engine/data/json_row.h"

#include <algorithm>

namespace lorikeet::data {

namespace {

/// Length of the well-formed sequence at the start of `rest`, or 0.
std::size_t utf8Length(std::string_view rest) noexcept
{
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
    const unsigned char lead = at(0);
    if (lead < 0x80)
        return 1;
    const std::size_t length = lead >= 0xC2 && lead <= 0xDF ? 2 : lead >= 0xE0 && lead <= 0xEF ? 3 : lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
    if (length == 0 || rest.size() < length)
        return 0;
    // The second byte excludes overlong forms, surrogates and what lies above U+10FFFF.
    const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (at(1) < low || at(1) > high)
        return 0;
    for (std::size_t i = 2; i < length; ++i)
        if ((at(i) & 0xC0) != 0x80)
            return 0;
    return length;
}

struct Scan {
    int depth = 0;
    std::int64_t keys = 0;
    std::size_t tooDeepAt = 0;  ///< byte from 1; 0 when the depth is fine
    bool hasNan = false;        ///< NaN or Infinity outside a string
};

Scan scanStructure(std::string_view text)
{
    Scan scan;
    bool inString = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (inString) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                inString = false;
            continue;
        }
        if (c == '"') {
            inString = true;
        } else if (c == '{' || c == '[') {
            if (++scan.depth > kMaxJsonDepth && scan.tooDeepAt == 0)
                scan.tooDeepAt = i + 1;
        } else if (c == '}' || c == ']') {
            --scan.depth;
        } else if (c == ':') {
            ++scan.keys;
        } else if (c == 'N' || c == 'I') {
            scan.hasNan = scan.hasNan || text.substr(i, 3) == "NaN" || text.substr(i, 8) == "Infinity";
        }
    }
    return scan;
}

/// The cause without the library's prefix: "... parse error at line 1, column 12: syntax error while parsing ..." -> "syntax error ...".
std::string shortCause(std::string text)
{
    if (const auto colon = text.find(": "); colon != std::string::npos)
        text.erase(0, colon + 2);
    if (const auto bracket = text.find("] "); text.starts_with('[') && bracket != std::string::npos)
        text.erase(0, bracket + 2);
    constexpr std::size_t kLongest = 200;
    if (text.size() > kLongest) {
        std::size_t end = kLongest;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
            --end;
        text = text.substr(0, end) + " ...";
    }
    return text;
}

}  // namespace

std::optional<std::size_t> findInvalidUtf8(std::string_view text) noexcept
{
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = utf8Length(text.substr(i));
        if (length == 0)
            return i;
        i += length;
    }
    return std::nullopt;
}

std::string describeInvalidUtf8(std::string_view text)
{
    const auto at = findInvalidUtf8(text);
    if (!at)
        return {};
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    const auto value = static_cast<unsigned char>(text[*at]);
    const std::string hex{kDigits[value >> 4], kDigits[value & 15]};
    return "byte " + std::to_string(*at + 1) + ": 0x" + hex + " is not valid UTF-8 (was the file saved in another encoding?)";
}

JsonRow parseJsonRow(std::string_view text)
{
    if (std::string problem = describeInvalidUtf8(text); !problem.empty())
        return {nullptr, std::move(problem)};
    const Scan scan = scanStructure(text);
    if (scan.tooDeepAt != 0)
        return {nullptr, "byte " + std::to_string(scan.tooDeepAt) + ": objects and lists are nested deeper than "
                             + std::to_string(kMaxJsonDepth)};
    if (scan.keys > kMaxJsonKeys)
        return {nullptr, "byte 1: the row has " + std::to_string(scan.keys) + " keys, at most " + std::to_string(kMaxJsonKeys)
                             + " are read"};
    try {
        return {nlohmann::ordered_json::parse(text.begin(), text.end()), {}};
    } catch (const nlohmann::json::parse_error& error) {
        std::string problem = "byte " + std::to_string(std::max<std::size_t>(error.byte, 1)) + ": " + shortCause(error.what());
        if (scan.hasNan)
            problem += " (NaN and Infinity are not JSON: write null)";
        return {nullptr, std::move(problem)};
    } catch (const nlohmann::json::exception& error) {  // a number too large for a double
        return {nullptr, "byte 1: " + shortCause(error.what())};
    }
}

}  // namespace lorikeet::data
