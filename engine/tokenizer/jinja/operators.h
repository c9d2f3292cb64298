// SPDX-License-Identifier: GPL-3.0-or-later
// Arithmetic and comparison of Python.
#pragma once

#include "engine/tokenizer/jinja/ast.h"
#include "engine/tokenizer/jinja/runtime.h"

namespace lorikeet::jinja {

/// @throws Failure for operands Python refuses, division by zero and integers beyond 64 bits.
[[nodiscard]] Value binary(Runtime& runtime, Operator op, const Value& left, const Value& right);
[[nodiscard]] Value negative(const Value& operand);
[[nodiscard]] Value positive(const Value& operand);
[[nodiscard]] bool compare(Runtime& runtime, Operator op, const Value& left, const Value& right);
/// text * times. @throws Failure when the result would be too long.
[[nodiscard]] Text repeated(const Text& text, std::int64_t times);

}  // namespace lorikeet::jinja
