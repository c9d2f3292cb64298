// SPDX-License-Identifier: GPL-3.0-or-later
// json.dumps of Python (the filter tojson), and JSON documents as template values.
#pragma once

#include <functional>
#include <string_view>

#include <nlohmann/json.hpp>

#include "engine/tokenizer/jinja/runtime.h"

namespace lorikeet::jinja {

struct JsonStyle {
    bool ensureAscii = false;
    bool indented = false;
    std::string indent;
    std::string itemSeparator = ", ";
    std::string keySeparator = ": ";
    bool sortKeys = false;
};

/// @throws Failure for values json.dumps refuses ("Object of type Undefined is not JSON serializable").
[[nodiscard]] Text jsonTextOf(Runtime& runtime, const Value& value, const JsonStyle& style);

/// A document as a value; strings come from `source`. @throws Failure for invalid UTF-8, integers beyond 64 bits and nesting
/// deeper than kMaxNesting.
[[nodiscard]] Value valueOf(const nlohmann::ordered_json& document, Source source);

}  // namespace lorikeet::jinja
