// SPDX-License-Identifier: GPL-3.0-or-later
// LORIKEET_CHECK: a promise between two pieces of our own code. A broken one is our bug and is shown as an internal error.
#pragma once

#include <string>

namespace lorikeet {

/// Throws Error{Internal} that names the condition, the place and `detail`. Used by LORIKEET_CHECK only.
[[noreturn]] void checkFailed(const char* condition, const char* file, int line, const std::string& detail);

}  // namespace lorikeet

/// Throws an internal Error with file and line when `condition` is false. `detail` is any expression that makes a
/// std::string; it is evaluated only on failure.
#define LORIKEET_CHECK(condition, detail)                                              \
    do {                                                                               \
        if (!(condition)) [[unlikely]]                                                 \
            ::lorikeet::checkFailed(#condition, __FILE__, __LINE__, (detail));         \
    } while (false)
