// SPDX-License-Identifier: GPL-3.0-or-later
// Lists of messages in the two ways they are written (role/content and from/value), checked and brought to role/content.
// Functions return what is wrong as text, empty when nothing is.
#pragma once

#include "engine/data/recognise.h"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace lorikeet::data {

/// True for text of white space only (ASCII blanks, no-break space, zero-width characters and the byte order mark).
[[nodiscard]] bool isBlankText(std::string_view text) noexcept;

/// "a number", "a list", "text", "null" ... for messages.
[[nodiscard]] std::string kindOf(const nlohmann::ordered_json& value);

/// A string that holds a JSON object or list, decoded; anything else as it is.
[[nodiscard]] nlohmann::ordered_json decodeJsonText(const nlohmann::ordered_json& value);

/// Copies the text of `key`; null counts as absent.
[[nodiscard]] std::string readText(const nlohmann::ordered_json& row, const char* key, bool required, std::string& text);

/// Appends the messages of `list` (named `key` in problems) to `messages`.
[[nodiscard]] std::string appendMessages(const nlohmann::ordered_json& list, std::string_view key, RowFormat format,
                                         nlohmann::ordered_json& messages);

}  // namespace lorikeet::data
