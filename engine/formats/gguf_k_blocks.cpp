// SPDX-License-Identifier: GPL-3.0-or-later
// Every product and difference is rounded by itself, in ggml's order: (d * scale) * q - (dmin * min).
#include "engine/formats/gguf_k_blocks.h"

#include "engine/formats/half_floats.h"

#include <array>
#include <cstring>

namespace lorikeet::formats {

namespace {

const std::uint8_t* bytesAt(const std::byte* block, std::size_t offset) noexcept { return reinterpret_cast<const std::uint8_t*>(block + offset); }

float halfAt(const std::byte* block, std::size_t offset) noexcept
{
    std::uint16_t bits = 0;
    std::memcpy(&bits, block + offset, sizeof bits);
    return fromHalf(bits);
}

/// Scale and minimum of one of the eight groups of Q4_K and Q5_K, 6 bits each: groups 0-3 in the low bits of bytes 0-3 and 4-7, groups 4-7
/// in the halves of bytes 8-11 and the two high bits of bytes 0-7.
struct ScaleMin {
    int scale;
    int min;
};
ScaleMin scaleMinOf(const std::uint8_t* packed, int group) noexcept
{
    if (group < 4)
        return {packed[group] & 63, packed[group + 4] & 63};
    return {(packed[group + 4] & 15) | ((packed[group - 4] >> 6) << 4), (packed[group + 4] >> 4) | ((packed[group] >> 6) << 4)};
}

/// The sixteen levels of IQ4 (kvalues_iq4nl).
constexpr std::array<std::int8_t, 16> kLevels{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

}  // namespace

// 16 bytes of scale and minimum (4 bits each), 64 bytes of 2-bit elements, d, dmin.
void BlockQ2K::widen(const std::byte* block, float* target) noexcept
{
    const std::uint8_t* scales = bytesAt(block, 0);
    const std::uint8_t* quants = bytesAt(block, 16);
    const float d = halfAt(block, 80);
    const float dMin = halfAt(block, 82);
    for (int i = 0; i < kElements; ++i) {
        const int group = i / 16;
        const int q = (quants[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2)) & 3;
        const float scale = d * static_cast<float>(scales[group] & 15);
        const float min = dMin * static_cast<float>(scales[group] >> 4);
        target[i] = scale * static_cast<float>(q) - min;
    }
}

// 32 bytes of third bits, 64 of 2-bit elements, 16 scales of 6 bits, d. An element without its third bit is 4 less.
void BlockQ3K::widen(const std::byte* block, float* target) noexcept
{
    const std::uint8_t* high = bytesAt(block, 0);
    const std::uint8_t* quants = bytesAt(block, 32);
    const std::uint8_t* packed = bytesAt(block, 96);
    const float d = halfAt(block, 108);
    for (int i = 0; i < kElements; ++i) {
        const int group = i / 16;
        const int low = group < 8 ? packed[group] & 15 : packed[group - 8] >> 4;
        const int scale = (low | (((packed[8 + group % 4] >> (group / 4 * 2)) & 3) << 4)) - 32;
        const int q = ((quants[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2)) & 3) - (((high[i % 32] >> (i / 32)) & 1) != 0 ? 0 : 4);
        target[i] = d * static_cast<float>(scale) * static_cast<float>(q);
    }
}

// d, dmin, 12 bytes of scales and minima, 128 of nibbles: 64 elements in 32 bytes, the low halves first.
void BlockQ4K::widen(const std::byte* block, float* target) noexcept
{
    const float d = halfAt(block, 0);
    const float dMin = halfAt(block, 2);
    const std::uint8_t* quants = bytesAt(block, 16);
    for (int group = 0; group < 8; ++group) {
        const ScaleMin packed = scaleMinOf(bytesAt(block, 4), group);
        const float scale = d * static_cast<float>(packed.scale);
        const float min = dMin * static_cast<float>(packed.min);
        for (int i = 0; i < 32; ++i) {
            const int q = (quants[group / 2 * 32 + i] >> (group % 2 * 4)) & 15;
            target[group * 32 + i] = scale * static_cast<float>(q) - min;
        }
    }
}

// As Q4_K, with 32 bytes of fifth bits before the nibbles: bit g of byte i belongs to element i of group g.
void BlockQ5K::widen(const std::byte* block, float* target) noexcept
{
    const float d = halfAt(block, 0);
    const float dMin = halfAt(block, 2);
    const std::uint8_t* high = bytesAt(block, 16);
    const std::uint8_t* quants = bytesAt(block, 48);
    for (int group = 0; group < 8; ++group) {
        const ScaleMin packed = scaleMinOf(bytesAt(block, 4), group);
        const float scale = d * static_cast<float>(packed.scale);
        const float min = dMin * static_cast<float>(packed.min);
        for (int i = 0; i < 32; ++i) {
            const int q = ((quants[group / 2 * 32 + i] >> (group % 2 * 4)) & 15) | (((high[i] >> group) & 1) << 4);
            target[group * 32 + i] = scale * static_cast<float>(q) - min;
        }
    }
}

// 128 bytes of low nibbles (128 elements in 64 bytes), 64 of two high bits, 16 signed scales, d.
void BlockQ6K::widen(const std::byte* block, float* target) noexcept
{
    const std::uint8_t* low = bytesAt(block, 0);
    const std::uint8_t* high = bytesAt(block, 128);
    const auto* scales = reinterpret_cast<const std::int8_t*>(block + 192);
    const float d = halfAt(block, 208);
    for (int i = 0; i < kElements; ++i) {
        const int half = i / 128;
        const int inHalf = i % 128;
        const int nibble = (low[half * 64 + inHalf % 64] >> (inHalf / 64 * 4)) & 15;
        const int upper = (high[half * 32 + inHalf % 32] >> (inHalf / 32 * 2)) & 3;
        target[i] = d * static_cast<float>(scales[i / 16]) * static_cast<float>((nibble | (upper << 4)) - 32);
    }
}

// d in fp32, 256 signed bytes, sums of 16 that only products need.
void BlockQ8K::widen(const std::byte* block, float* target) noexcept
{
    float d = 0;
    std::memcpy(&d, block, sizeof d);
    const auto* quants = reinterpret_cast<const std::int8_t*>(block + 4);
    for (int i = 0; i < kElements; ++i)
        target[i] = d * static_cast<float>(quants[i]);
}

void BlockIq4Nl::widen(const std::byte* block, float* target) noexcept
{
    const float d = halfAt(block, 0);
    const std::uint8_t* quants = bytesAt(block, 2);
    for (int i = 0; i < 16; ++i) {
        target[i] = d * static_cast<float>(kLevels[quants[i] & 15]);
        target[i + 16] = d * static_cast<float>(kLevels[quants[i] >> 4]);
    }
}

// d, two high bits of eight scales, their four low bits, then IQ4 nibbles in groups of 32.
void BlockIq4Xs::widen(const std::byte* block, float* target) noexcept
{
    const float d = halfAt(block, 0);
    std::uint16_t high = 0;
    std::memcpy(&high, block + 2, sizeof high);
    const std::uint8_t* low = bytesAt(block, 4);
    const std::uint8_t* quants = bytesAt(block, 8);
    for (int group = 0; group < 8; ++group) {
        const int scale = (((low[group / 2] >> (group % 2 * 4)) & 15) | (((high >> (2 * group)) & 3) << 4)) - 32;
        const float scaled = d * static_cast<float>(scale);
        for (int i = 0; i < 16; ++i) {
            const std::uint8_t pair = quants[group * 16 + i];
            target[group * 32 + i] = scaled * static_cast<float>(kLevels[pair & 15]);
            target[group * 32 + i + 16] = scaled * static_cast<float>(kLevels[pair >> 4]);
        }
    }
}

}  // namespace lorikeet::formats
