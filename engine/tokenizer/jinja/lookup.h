// SPDX-License-Identifier: GPL-3.0-or-later
// value.name, value[key] and value[a:b:c], by the rules of Jinja's immutable sandbox.
#pragma once

#include <string_view>

#include "engine/tokenizer/jinja/globals.h"
#include "engine/tokenizer/jinja/runtime.h"

namespace lorikeet::jinja {

/// Method first, then item, else undefined. @throws Failure on an undefined value.
[[nodiscard]] Value attributeOf(Runtime& runtime, const Value& object, std::string_view name);
/// Item first, then attribute, else undefined. @throws Failure on an undefined value.
[[nodiscard]] Value itemOf(Runtime& runtime, const Value& object, const Value& key);
/// Bounds may be None. @throws Failure for what cannot be sliced.
[[nodiscard]] Value sliceOf(Runtime& runtime, const Value& object, const Value& start, const Value& stop, const Value& step);

/// The methods of strings, and of lists, tuples, dicts and the other objects; nullptr where there is none of that name.
[[nodiscard]] BoundMethod::Body findStringMethod(std::string_view name);
[[nodiscard]] BoundMethod::Body findContainerMethod(const Value& object, std::string_view name);
/// True for methods that would change a list or dict, which the sandbox hides.
[[nodiscard]] bool changesItsObject(const Value& object, std::string_view name);

}  // namespace lorikeet::jinja
