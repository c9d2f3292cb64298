// SPDX-License-Identifier: GPL-3.0-or-later
// Stripping, replacing and splitting with origin kept.
#include "engine/tokenizer/jinja/string_operations.h"

#include <algorithm>

#include "engine/tokenizer/jinja/budget.h"
#include "engine/tokenizer/jinja/unicode.h"

namespace lorikeet::jinja {
namespace {

constexpr std::size_t kShortNeedle = 32;  // comparing so few bytes at every place is cheaper than the tables

// The distinct code points, sorted.
std::u32string setOf(std::string_view text)
{
    spendMapping(text.size());
    std::u32string codes;
    for (std::size_t at = 0; at < text.size();)
        codes.push_back(nextCodePoint(text, at));
    std::sort(codes.begin(), codes.end());
    codes.erase(std::unique(codes.begin(), codes.end()), codes.end());
    return codes;
}

// Knuth, Morris and Pratt: length of the longest border of every prefix.
std::vector<std::size_t> bordersOf(std::string_view needle)
{
    std::vector<std::size_t> borders(needle.size(), 0);
    for (std::size_t i = 1, length = 0; i < needle.size(); ++i) {
        while (length > 0 && needle[i] != needle[length])
            length = borders[length - 1];
        length += needle[i] == needle[length];
        borders[i] = length;
    }
    return borders;
}

std::size_t findLong(std::string_view hay, std::string_view needle)
{
    const std::vector<std::size_t> borders = bordersOf(needle);
    std::size_t length = 0;
    for (std::size_t i = 0; i < hay.size(); ++i) {
        while (length > 0 && hay[i] != needle[length])
            length = borders[length - 1];
        length += hay[i] == needle[length];
        if (length == needle.size())
            return i + 1 - length;
    }
    return std::string_view::npos;
}

std::vector<Text> splitAtSpace(Runtime& runtime, const Text& text, std::int64_t limit, bool fromRight)
{
    spendCharacters(text.size());
    // Words as [begin, end); then those beyond the limit are joined with their neighbours' white space.
    const std::string_view view = text.view();
    std::vector<std::pair<std::size_t, std::size_t>> words;
    std::size_t begin = std::string_view::npos;
    for (std::size_t at = 0; at <= view.size();) {
        const std::size_t start = at;
        const bool space = at == view.size() || isSpace(nextCodePoint(view, at));
        if (!space && begin == std::string_view::npos)
            begin = start;
        if (space && begin != std::string_view::npos) {
            words.emplace_back(begin, start);
            begin = std::string_view::npos;
        }
        if (start == view.size())
            break;
    }
    const std::size_t keep = limit < 0 ? words.size() : static_cast<std::size_t>(limit);
    if (words.size() > keep + 1 && limit >= 0) {
        if (fromRight) {
            words[words.size() - keep - 1].first = words.front().first;
            words.erase(words.begin(), words.end() - static_cast<std::ptrdiff_t>(keep) - 1);
            // Leading white space stays with the rest, as Python does.
            words.front().first = 0;
        } else {
            words.resize(keep + 1);
            words.back().second = view.size();
        }
    }
    runtime.charge(words.size() * 4);
    std::vector<Text> parts;
    for (const auto& [from, to] : words)
        parts.push_back(text.slice(from, to));
    return parts;
}

}  // namespace

std::size_t findText(std::string_view hay, std::string_view needle, std::size_t from)
{
    if (from > hay.size() || needle.size() > hay.size() - from)
        return std::string_view::npos;
    if (needle.size() <= kShortNeedle) {
        const std::size_t found = hay.find(needle, from);
        spend((std::min(found, hay.size()) - from) / 4);
        return found;
    }
    const std::size_t found = findLong(hay.substr(from), needle);
    spendCharacters(std::min(found, hay.size() - from) + needle.size());
    return found == std::string_view::npos ? found : found + from;
}

std::size_t findTextBackwards(std::string_view hay, std::string_view needle, std::size_t end)
{
    if (needle.size() > end)
        return std::string_view::npos;
    if (needle.size() <= kShortNeedle) {
        const std::size_t found = hay.substr(0, end).rfind(needle);
        spend((end - (found == std::string_view::npos ? 0 : found)) / 4);
        return found;
    }
    const std::string reversedHay(hay.rbegin() + static_cast<std::ptrdiff_t>(hay.size() - end), hay.rend());
    const std::string reversedNeedle(needle.rbegin(), needle.rend());
    spendMapping(end + needle.size());
    const std::size_t found = findLong(reversedHay, reversedNeedle);
    return found == std::string_view::npos ? found : end - found - needle.size();
}

Text stripped(const Text& text, Side side, std::optional<std::string_view> characters)
{
    const std::u32string set = characters ? setOf(*characters) : std::u32string();
    const auto drops = [&](char32_t code) { return characters ? std::binary_search(set.begin(), set.end(), code) : isSpace(code); };
    std::size_t begin = 0;
    std::size_t end = text.size();
    if (side != Side::Right) {
        while (begin < end) {
            std::size_t after = begin;
            if (!drops(nextCodePoint(text.view(), after)))
                break;
            begin = after;
        }
    }
    if (side != Side::Left) {
        while (end > begin) {
            std::size_t before = end;
            if (!drops(previousCodePoint(text.view(), before)))
                break;
            end = before;
        }
    }
    spendCharacters(text.size() - (end - begin));
    return begin == 0 && end == text.size() ? text : text.slice(begin, end);
}

Text replaced(Runtime& runtime, const Text& text, const Text& old, const Text& with, std::int64_t count)
{
    const std::string_view view = text.view();
    runtime.chargeBytes(view.size());
    Text result;
    std::size_t from = 0;
    if (old.empty()) {
        // Between all characters and at both ends.
        for (std::size_t at = 0; count != 0; --count) {
            result.append(with);
            runtime.charge(1 + with.size() / 16);
            if (at >= view.size())
                return result;
            std::size_t after = at;
            static_cast<void>(nextCodePoint(view, after));
            result.append(text, at, after);
            at = from = after;
        }
        result.append(text, from, view.size());
        return result;
    }
    for (; count != 0; --count) {
        const std::size_t found = findText(view, old.view(), from);
        if (found == std::string_view::npos)
            break;
        runtime.charge(1 + with.size() / 16);
        result.append(text, from, found);
        result.append(with);
        from = found + old.size();
    }
    if (from == 0)
        return text;
    result.append(text, from, view.size());
    return result;
}

std::vector<Text> splitText(Runtime& runtime, const Text& text, std::optional<std::string_view> separator, std::int64_t limit,
                            bool fromRight)
{
    runtime.chargeBytes(text.size());
    if (!separator)
        return splitAtSpace(runtime, text, limit, fromRight);
    if (separator->empty())
        throw Failure("empty separator");
    std::vector<std::pair<std::size_t, std::size_t>> parts;
    const std::string_view view = text.view();
    if (fromRight) {
        std::size_t end = view.size();
        for (; limit != 0 && end >= separator->size(); --limit) {
            const std::size_t found = findTextBackwards(view, *separator, end);
            if (found == std::string_view::npos)
                break;
            parts.emplace_back(found + separator->size(), end);
            end = found;
        }
        parts.emplace_back(0, end);
        std::reverse(parts.begin(), parts.end());
    } else {
        std::size_t begin = 0;
        for (; limit != 0; --limit) {
            const std::size_t found = findText(view, *separator, begin);
            if (found == std::string_view::npos)
                break;
            parts.emplace_back(begin, found);
            begin = found + separator->size();
        }
        parts.emplace_back(begin, view.size());
    }
    runtime.charge(parts.size() * 4);
    std::vector<Text> result;
    result.reserve(parts.size());
    for (const auto& [begin, end] : parts)
        result.push_back(text.slice(begin, end));
    return result;
}

std::vector<Text> splitLines(const Text& text, bool keepEnds)
{
    std::vector<Text> lines;
    spendMapping(text.size());
    const std::string_view view = text.view();
    std::size_t begin = 0;
    for (std::size_t at = 0; at < view.size();) {
        const std::size_t end = at;
        const char32_t code = nextCodePoint(view, at);
        if (!isLineBreak(code))
            continue;
        if (code == '\r' && at < view.size() && view[at] == '\n')
            ++at;
        lines.push_back(text.slice(begin, keepEnds ? at : end));
        begin = at;
    }
    if (begin < view.size())
        lines.push_back(text.slice(begin, view.size()));
    return lines;
}

}  // namespace lorikeet::jinja
