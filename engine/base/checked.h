// SPDX-License-Identifier: GPL-3.0-or-later
// Checked unsigned arithmetic for sizes that come from files: every product and sum of a declared length goes through here.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

namespace lorikeet {

/// a * b, or nothing when it does not fit into 64 bits.
[[nodiscard]] constexpr std::optional<std::uint64_t> checkedMul(std::uint64_t a, std::uint64_t b) noexcept
{
    if (a != 0 && b > std::numeric_limits<std::uint64_t>::max() / a)
        return std::nullopt;
    return a * b;
}

/// a + b, or nothing when it does not fit into 64 bits.
[[nodiscard]] constexpr std::optional<std::uint64_t> checkedAdd(std::uint64_t a, std::uint64_t b) noexcept
{
    if (b > std::numeric_limits<std::uint64_t>::max() - a)
        return std::nullopt;
    return a + b;
}

/// The next multiple of `alignment` (a power of two), or nothing on overflow.
[[nodiscard]] constexpr std::optional<std::uint64_t> checkedAlign(std::uint64_t value, std::uint64_t alignment) noexcept
{
    const auto padded = checkedAdd(value, alignment - 1);
    if (!padded)
        return std::nullopt;
    return *padded & ~(alignment - 1);
}

}  // namespace lorikeet
