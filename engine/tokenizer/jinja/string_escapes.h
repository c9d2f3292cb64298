// SPDX-License-Identifier: GPL-3.0-or-later
// The backslash escapes of string literals.
#pragma once

#include <string>
#include <string_view>

namespace lorikeet::jinja {

/// The text between the quotes with Python's escapes resolved; unknown escapes keep their backslash. `raw` must not end in a
/// single backslash. @throws Failure for bad hexadecimal escapes, surrogates and \N{...}.
[[nodiscard]] std::string unescapedString(std::string_view raw);

}  // namespace lorikeet::jinja
