// SPDX-License-Identifier: GPL-3.0-or-later
// Points in time as text: ISO 8601, UTC, whole seconds.
#pragma once

#include <chrono>
#include <string>

namespace lorikeet {

/// "2026-01-31T12:00:00Z"; for years 0 to 9999.
[[nodiscard]] std::string utcText(std::chrono::sys_seconds time);
[[nodiscard]] std::string utcNow();

}  // namespace lorikeet
