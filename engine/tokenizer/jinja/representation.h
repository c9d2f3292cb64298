// SPDX-License-Identifier: GPL-3.0-or-later
// str() and repr() of Python, keeping the origin of strings inside lists and dicts.
#pragma once

#include "engine/tokenizer/jinja/value.h"

namespace lorikeet::jinja {

class Runtime;

/// str(value): what {{ value }} prints.
[[nodiscard]] Text textOf(Runtime& runtime, const Value& value);
/// repr(value)
[[nodiscard]] Text reprOf(Runtime& runtime, const Value& value);
/// repr of plain text for messages: 'it\'s'.
[[nodiscard]] std::string quoted(std::string_view text);
/// markupsafe.escape: & < > ' " become entities.
[[nodiscard]] Text escapedMarkup(const Text& text);

}  // namespace lorikeet::jinja
