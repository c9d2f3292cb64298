// SPDX-License-Identifier: GPL-3.0-or-later
// Which of the known shapes the rows of a file have.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lorikeet::data {

/// Messages: {"messages": [{"role", "content"}]} (OpenAI). ShareGpt: {"conversations": [{"from", "value"}]}. Alpaca: {"instruction",
/// "input"?, "output"}. PromptCompletion: {"prompt", "completion"}, both text or both lists of messages. Text: {"text"} or a bare string.
enum class RowFormat : std::uint8_t { Messages, ShareGpt, Alpaca, PromptCompletion, Text };

/// The word of data.format: "messages", "sharegpt", "alpaca", "prompt_completion", "text".
[[nodiscard]] std::string_view nameOf(RowFormat format) noexcept;

/// Format of data.format; nothing for "auto". @throws Error{Usage} for another word.
[[nodiscard]] std::optional<RowFormat> formatFromName(std::string_view name);

/// Format of one row by its keys and the types of their values, if it has one.
[[nodiscard]] std::optional<RowFormat> formatOf(const nlohmann::ordered_json& row);

/// How many of the first rows decide.
inline constexpr std::size_t kRowsToRecognise = 100;

/// The format most of `rows` have (the earlier row wins a tie), or nothing when none has a known one.
[[nodiscard]] std::optional<RowFormat> recogniseFormat(std::span<const nlohmann::ordered_json> rows);

/// "keys found: a, b, c; known formats: ..." for the message when nothing was recognised.
[[nodiscard]] std::string describeUnrecognised(std::span<const nlohmann::ordered_json> rows);

}  // namespace lorikeet::data
