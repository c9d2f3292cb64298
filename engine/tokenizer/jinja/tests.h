// SPDX-License-Identifier: GPL-3.0-or-later
// The tests of templates: value is name(arguments).
#pragma once

#include <string_view>

#include "engine/tokenizer/jinja/ast.h"

namespace lorikeet::jinja {

/// nullptr where there is none of that name.
[[nodiscard]] TestFunction findTest(std::string_view name);

}  // namespace lorikeet::jinja
