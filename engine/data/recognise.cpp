// SPDX-License-Identifier: GPL-3.0-or-later
// Formats by their keys and the kinds of their values.
#include "engine/data/recognise.h"

#include "engine/base/error.h"

#include <algorithm>
#include <array>
#include <vector>

namespace lorikeet::data {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kFormats{RowFormat::Messages, RowFormat::ShareGpt, RowFormat::Alpaca, RowFormat::PromptCompletion, RowFormat::Text};

const Json* listOf(const Json& row, const char* key)
{
    const auto found = row.find(key);
    return found != row.end() && found->is_array() ? &*found : nullptr;
}

bool hasText(const Json& row, const char* key)
{
    const auto found = row.find(key);
    return found != row.end() && found->is_string();
}

bool firstHas(const Json& list, const char* key)
{
    return !list.empty() && list.front().is_object() && list.front().contains(key);
}

bool isPromptCompletion(const Json& row)
{
    return (hasText(row, "prompt") && hasText(row, "completion")) || (listOf(row, "prompt") && listOf(row, "completion"));
}

/// A column of messages as pandas writes lists: Python's own notation, which is not JSON.
bool hasPythonList(const Json& row)
{
    for (const char* key : {"messages", "conversations", "conversation"})
        if (hasText(row, key) && row.at(key).get_ref<const std::string&>().starts_with("[{'"))
            return true;
    return false;
}

}  // namespace

std::string_view nameOf(RowFormat format) noexcept
{
    switch (format) {
    case RowFormat::Messages: return "messages";
    case RowFormat::ShareGpt: return "sharegpt";
    case RowFormat::Alpaca: return "alpaca";
    case RowFormat::PromptCompletion: return "prompt_completion";
    case RowFormat::Text: return "text";
    }
    return "?";
}

std::optional<RowFormat> formatFromName(std::string_view name)
{
    if (name.empty() || name == "auto")
        return std::nullopt;
    for (const RowFormat format : kFormats)
        if (nameOf(format) == name)
            return format;
    throw Error{ErrorCode::Usage, "data.format is \"" + std::string(name) + "\"",
                "use auto, messages, sharegpt, alpaca, prompt_completion or text"};
}

std::optional<RowFormat> formatOf(const Json& row)
{
    if (row.is_string())
        return RowFormat::Text;
    if (!row.is_object())
        return std::nullopt;
    for (const char* key : {"messages", "conversations", "conversation"}) {
        if (const Json* list = listOf(row, key); list && firstHas(*list, "from"))
            return RowFormat::ShareGpt;
        else if (list && (firstHas(*list, "role") || std::string_view(key) == "messages"))
            return RowFormat::Messages;
    }
    if (isPromptCompletion(row))
        return RowFormat::PromptCompletion;
    if (hasText(row, "instruction") && row.contains("output"))
        return RowFormat::Alpaca;
    if (hasText(row, "text"))
        return RowFormat::Text;
    return std::nullopt;
}

std::optional<RowFormat> recogniseFormat(std::span<const Json> rows)
{
    std::array<std::size_t, kFormats.size()> votes{};
    std::optional<RowFormat> best;
    for (const Json& row : rows) {
        const auto format = formatOf(row);
        if (!format)
            continue;
        ++votes[static_cast<std::size_t>(*format)];
        if (!best)
            best = format;
    }
    for (const RowFormat format : kFormats)
        if (best && votes[static_cast<std::size_t>(format)] > votes[static_cast<std::size_t>(*best)])
            best = format;
    return best;
}

std::string describeUnrecognised(std::span<const Json> rows)
{
    constexpr std::size_t kShownKeys = 12;
    std::vector<std::string> keys;
    for (const Json& row : rows)
        if (row.is_object())
            for (const auto& [key, value] : row.items())
                if (std::ranges::find(keys, key) == keys.end() && keys.size() <= kShownKeys)
                    keys.push_back(key);
    if (std::ranges::any_of(rows, [](const Json& row) { return row.is_object() && hasPythonList(row); }))
        return "a list of messages stands there in Python's notation, JSON was expected (in Python: json.dumps of each list before it is written)";
    std::string found;
    for (std::size_t i = 0; i < std::min(keys.size(), kShownKeys); ++i)
        found += (i == 0 ? "" : ", ") + keys[i];
    if (keys.size() > kShownKeys)
        found += ", ...";
    return "keys found: " + (found.empty() ? std::string("none") : found)
           + "; known formats: messages (messages), sharegpt (conversations), alpaca (instruction, output), prompt_completion (prompt, "
             "completion), text (text)";
}

}  // namespace lorikeet::data
