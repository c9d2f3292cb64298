// SPDX-License-Identifier: GPL-3.0-or-later
// Targets, recompute levels, edit distance.
#include "engine/spec/job_words.h"

#include "engine/base/error.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <utility>

namespace lorikeet {

namespace {

constexpr std::int64_t kMostLayers = 4096;
constexpr std::size_t kLongestWord = 64;
const char* const kRecomputeHint = "write a level from 0 to 3, or levels by layer range such as \"0-9:1,10-27:3\"";

std::string_view trimmed(std::string_view text)
{
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos)
        return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::optional<std::int64_t> wholeNumber(std::string_view text)
{
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0 || value >= kMostLayers)
        return std::nullopt;
    return value;
}

[[noreturn]] void refuseRecompute(std::string_view text, const std::string& what)
{
    throw Error(ErrorCode::Usage, "recipe.recompute \"" + std::string(text) + "\": " + what, kRecomputeHint);
}

Recompute parseLevel(std::string_view text, std::string_view whole)
{
    const auto level = wholeNumber(text);
    if (!level || *level > 3)
        refuseRecompute(whole, "\"" + std::string(text) + "\" is not a level from 0 to 3");
    return static_cast<Recompute>(*level);
}

RecomputeRange parseRange(std::string_view text, std::string_view whole)
{
    const auto colon = text.find(':');
    if (colon == std::string_view::npos)
        refuseRecompute(whole, "\"" + std::string(text) + "\" has no ':' before its level");
    const std::string_view layers = text.substr(0, colon);
    const auto dash = layers.find('-');
    const auto first = wholeNumber(trimmed(layers.substr(0, dash)));
    const auto last = dash == std::string_view::npos ? first : wholeNumber(trimmed(layers.substr(dash + 1)));
    if (!first || !last || *last < *first)
        refuseRecompute(whole, "\"" + std::string(layers) + "\" is not a layer or a range of layers");
    return {*first, *last, parseLevel(trimmed(text.substr(colon + 1)), whole)};
}

}  // namespace

std::vector<RecomputeRange> parseRecompute(std::string_view text)
{
    if (text.find(':') == std::string_view::npos)
        return {{0, -1, parseLevel(trimmed(text), text)}};
    std::vector<RecomputeRange> ranges;
    for (const std::string& part : splitAtCommas(text))
        ranges.push_back(parseRange(part, text));
    std::ranges::sort(ranges, {}, &RecomputeRange::first);
    for (std::size_t i = 1; i < ranges.size(); ++i)
        if (ranges[i].first <= ranges[i - 1].last)
            refuseRecompute(text, "layer " + std::to_string(ranges[i].first) + " has two levels");
    return ranges;
}

std::vector<Linear> parseTargets(std::span<const std::string> words)
{
    static constexpr std::size_t kSuffix = std::string_view("_proj").size();
    std::array<bool, kLinears.size()> chosen{};
    std::vector<std::string> known{"all"};
    for (const Linear linear : kLinears) {
        const std::string name = nameOf(linear);
        known.push_back(name.substr(0, name.size() - kSuffix));
        known.push_back(name);
    }
    for (const std::string& word : words) {
        const auto found = std::ranges::find(known, word);
        if (found == known.end()) {
            const auto near = nearestWord(word, known);
            throw Error(ErrorCode::Usage,
                        "recipe.targets: there is no module \"" + word + "\"" + (near ? ", did you mean \"" + *near + "\"?" : ""),
                        "choose from q, k, v, o, gate, up, down (or their _proj names), or all");
        }
        const auto index = static_cast<std::size_t>(found - known.begin());
        if (index == 0)
            chosen.fill(true);
        else
            chosen[(index - 1) / 2] = true;
    }
    std::vector<Linear> targets;
    for (std::size_t i = 0; i < kLinears.size(); ++i)
        if (chosen[i])
            targets.push_back(kLinears[i]);
    if (targets.empty())
        throw Error(ErrorCode::Usage, "recipe.targets is empty, expected at least one module",
                    "choose from q, k, v, o, gate, up, down, or all");
    return targets;
}

std::size_t editDistance(std::string_view a, std::string_view b)
{
    std::vector<std::size_t> before(b.size() + 1);
    std::vector<std::size_t> above(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(above.begin(), above.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before = std::exchange(above, row);
    }
    return above[b.size()];
}

std::optional<std::string> nearestWord(std::string_view word, std::span<const std::string> candidates)
{
    if (word.empty() || word.size() > kLongestWord)
        return std::nullopt;
    const std::string* nearest = nullptr;
    std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;
    for (const std::string& candidate : candidates) {
        const std::size_t distance = editDistance(word, candidate);
        if (distance < best) {
            best = distance;
            nearest = &candidate;
        }
    }
    return nearest ? std::optional(*nearest) : std::nullopt;
}

std::vector<std::string> splitAtCommas(std::string_view text)
{
    std::vector<std::string> parts;
    while (true) {
        const auto comma = text.find(',');
        parts.emplace_back(trimmed(text.substr(0, comma)));
        if (comma == std::string_view::npos)
            return parts;
        text.remove_prefix(comma + 1);
    }
}

std::string numberText(double value)
{
    std::array<char, 32> text{};
    constexpr double kExactWhole = 9007199254740992.0;
    const bool whole = value == std::floor(value) && std::abs(value) < kExactWhole;
    const auto end = whole ? std::to_chars(text.data(), text.data() + text.size(), static_cast<std::int64_t>(value)).ptr
                           : std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    return {text.data(), end};
}

std::string listInWords(std::span<const std::string> words)
{
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0)
            text += i + 1 == words.size() ? " or " : ", ";
        text += words[i];
    }
    return text;
}

}  // namespace lorikeet
