// SPDX-License-Identifier: GPL-3.0-or-later
// The text of one row as JSON, with the limits that keep a hostile or broken file from hurting: depth, number of keys, valid UTF-8.
#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lorikeet::data {

/// Objects and lists may stand inside each other this deep.
inline constexpr int kMaxJsonDepth = 64;
/// Keys of one row, all its objects together (a row keeps the order of its keys, so looking one up is linear).
inline constexpr std::int64_t kMaxJsonKeys = 16384;

/// A value, or why there is none.
struct JsonRow {
    nlohmann::ordered_json value;
    std::string problem;  ///< empty when `value` was read; else "byte 17: ..." with the byte counted from 1
};

/// Parses one JSON value (RFC 8259: no NaN, no comments, no trailing commas). Never throws for what the text says.
[[nodiscard]] JsonRow parseJsonRow(std::string_view text);

/// Offset of the first byte that is not well-formed UTF-8 (Unicode 15, table 3-7: no overlong forms, no surrogates), if any.
[[nodiscard]] std::optional<std::size_t> findInvalidUtf8(std::string_view text) noexcept;

/// "byte 5: 0xE9 is not valid UTF-8 ..." for the first such byte of `text`, or empty.
[[nodiscard]] std::string describeInvalidUtf8(std::string_view text);

}  // namespace lorikeet::data
