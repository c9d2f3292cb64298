// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers as Python writes and reads them, independent of the locale.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lorikeet::jinja {

/// repr(float): shortest digits that read back, "1.0", "1e+16", "inf", "nan".
[[nodiscard]] std::string reprOfReal(double value);
/// int(text, base): whitespace around, sign, underscores between digits, prefix for base 0. Nothing where Python raises
/// ValueError. @throws Failure when the number does not fit into 64 bits.
[[nodiscard]] std::optional<std::int64_t> parseInteger(std::string_view text, int base);
/// float(text).
[[nodiscard]] std::optional<double> parseReal(std::string_view text);
/// round(value, digits) of Python: half to even on the exact decimal value.
[[nodiscard]] double roundReal(double value, int digits);
/// Fixed or exponent notation as printf's %f, %e, %g (any case is the caller's).
[[nodiscard]] std::string fixedReal(double value, int precision);
[[nodiscard]] std::string exponentReal(double value, int precision);
[[nodiscard]] std::string generalReal(double value, int precision, bool keepZeros);

}  // namespace lorikeet::jinja
