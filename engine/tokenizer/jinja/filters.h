// SPDX-License-Identifier: GPL-3.0-or-later
// The filters: value | name(arguments).
#pragma once

#include <string_view>

#include "engine/tokenizer/jinja/ast.h"
#include "engine/tokenizer/jinja/runtime.h"

namespace lorikeet::jinja {

/// nullptr where there is none of that name.
[[nodiscard]] FilterFunction findFilter(std::string_view name);

struct NamedFilter {
    std::string_view name;
    FilterFunction function;
};
/// The filters of one file, sorted by nothing in particular.
[[nodiscard]] const std::vector<NamedFilter>& textFilters();
[[nodiscard]] const std::vector<NamedFilter>& sequenceFilters();
[[nodiscard]] const std::vector<NamedFilter>& numberFilters();

/// soft_str of markupsafe: strings as they are, anything else as str() gives it.
[[nodiscard]] Value softString(Runtime& runtime, const Value& value);
/// value.a.b or value[0] as the parameter `attribute` of filters names it.
[[nodiscard]] Value attributePath(Runtime& runtime, const Value& value, const Value& attribute);

}  // namespace lorikeet::jinja
