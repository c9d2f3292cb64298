// SPDX-License-Identifier: GPL-3.0-or-later
// The one rounding of numbers for people: GiB for memory, k/M/B for parameters, tokens/s, durations. Independent of the locale.
#pragma once

#include <cstdint>
#include <string>

namespace lorikeet {

/// "0 B", "512 B", "1.5 KiB", "96.4 MiB", "5.32 GiB" (1 GiB = 2^30 bytes; three significant digits).
[[nodiscard]] std::string formatBytes(std::uint64_t bytes);
/// formatBytes with a sign: "+1.20 GiB", "-96.4 MiB", "0 B".
[[nodiscard]] std::string formatBytesDelta(std::int64_t bytes);
/// "135", "4.88k", "135M", "1.24B", "405B".
[[nodiscard]] std::string formatCount(std::uint64_t count);
/// "1,204".
[[nodiscard]] std::string formatInteger(std::uint64_t value);
/// "12 ms", "0.8 s", "42 s", "3 min 05 s", "2 h 14 min".
[[nodiscard]] std::string formatDuration(double seconds);
/// Shortest text of a double with at most `digits` significant digits ("2e-4" style only below 1e-3).
[[nodiscard]] std::string formatNumber(double value, int digits = 4);

}  // namespace lorikeet
