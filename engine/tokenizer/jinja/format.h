// SPDX-License-Identifier: GPL-3.0-or-later
// The two ways Python formats text: "%s" % value and "{}".format(value).
#pragma once

#include "engine/tokenizer/jinja/runtime.h"

namespace lorikeet::jinja {

/// left % right for a string on the left. @throws Failure for wrong counts, types or conversions.
[[nodiscard]] Value formatPercent(Runtime& runtime, const Value& format, const Value& arguments);
/// str.format
[[nodiscard]] Value formatBraces(Runtime& runtime, const Value& format, const CallArguments& arguments);

/// Pads `text` to `width` code points; `align` is '<', '>' or '^'. @throws Failure when too wide.
[[nodiscard]] Text padText(const Text& text, std::int64_t width, char align, std::string_view fill = " ");

}  // namespace lorikeet::jinja
