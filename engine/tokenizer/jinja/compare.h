// SPDX-License-Identifier: GPL-3.0-or-later
// Python's ==, <, in and hash for template values.
#pragma once

#include <cstddef>
#include <string_view>

#include "engine/tokenizer/jinja/heap_values.h"

namespace lorikeet::jinja {

class Runtime;

[[nodiscard]] bool equal(const Value& a, const Value& b);

enum class Order { Less, LessEqual, Greater, GreaterEqual };
/// @throws Failure for values Python cannot order.
[[nodiscard]] bool ordered(const Value& a, Order order, const Value& b);

/// @throws Failure for lists, dicts and what holds them ("unhashable type: 'list'").
[[nodiscard]] std::size_t hashOf(const Value& value);
[[nodiscard]] bool isHashable(const Value& value);

/// `needle in hay`. @throws Failure where Python raises TypeError.
[[nodiscard]] bool contains(Runtime& runtime, const Value& hay, const Value& needle);

/// -1, 0, 1; exact between integers and doubles; 2 when one is not a number.
[[nodiscard]] int compareNumbers(const Value& a, const Value& b);

}  // namespace lorikeet::jinja
