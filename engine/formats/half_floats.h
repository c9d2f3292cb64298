// SPDX-License-Identifier: GPL-3.0-or-later
// Widening of 16-bit floats (IEEE 754 binary16, bfloat16) to fp32, exact for every value; loops the compiler can vectorise.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace lorikeet::formats {

static_assert(std::endian::native == std::endian::little, "the file formats are little-endian and are read as they lie");

/// binary16 to fp32 without branches: exponent re-biased by a multiplication, which also normalises subnormals (F. Giesen,
/// "half to float done quick"); infinities and NaNs keep their payload.
[[nodiscard]] inline float fromHalf(std::uint16_t half) noexcept
{
    constexpr float kRebias = 0x1p+112F;
    const std::uint32_t magnitude = static_cast<std::uint32_t>(half & 0x7FFFU) << 13U;
    std::uint32_t bits = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * kRebias);
    bits |= magnitude >= (31U << 23U) ? (255U << 23U) : 0U;
    bits |= static_cast<std::uint32_t>(half & 0x8000U) << 16U;
    return std::bit_cast<float>(bits);
}

/// bfloat16 is the upper half of an fp32.
[[nodiscard]] inline float fromBrain(std::uint16_t brain) noexcept
{
    return std::bit_cast<float>(static_cast<std::uint32_t>(brain) << 16U);
}

/// Widens target.size() elements from unaligned little-endian bytes; `bytes` holds 2 * target.size() bytes.
void widenHalf(std::span<const std::byte> bytes, std::span<float> target) noexcept;
void widenBrain(std::span<const std::byte> bytes, std::span<float> target) noexcept;

}  // namespace lorikeet::formats
