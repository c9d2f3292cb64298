// SPDX-License-Identifier: GPL-3.0-or-later
// Quantised weights and optimizer states as bitsandbytes lays them out: block sizes, the NF4 code, the dynamic 8-bit maps.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace lorikeet {

/// How the frozen linear maps are stored. Nf4: 4 bits an element, blocks of 64 with a scale (Dettmers et al. 2023, arXiv:2305.14314).
/// Int8: 8 bits an element, one scale per row (Dettmers et al. 2022, arXiv:2208.07339, without the outlier columns).
enum class Quantization : std::uint8_t { None, Nf4, Int8 };

/// The words of a job file: "none", "nf4", "int8".
[[nodiscard]] constexpr std::string_view nameOf(Quantization kind) noexcept
{
    return kind == Quantization::Nf4 ? "nf4" : kind == Quantization::Int8 ? "int8" : "none";
}
[[nodiscard]] constexpr std::optional<Quantization> quantizationNamed(std::string_view name) noexcept
{
    for (const Quantization kind : {Quantization::None, Quantization::Nf4, Quantization::Int8})
        if (name == nameOf(kind))
            return kind;
    return std::nullopt;
}

inline constexpr std::int64_t kNf4Block = 64;          ///< elements under one scale, counted row-major over the whole tensor
inline constexpr std::int64_t kDoubleQuantBlock = 256;  ///< scales under one scale of scales
inline constexpr std::int64_t kOptimizerBlock = 256;    ///< elements of an 8-bit optimizer state under one scale

/// Elements of the buffers of one quantised tensor of rows x cols. The codes are bytes; an Nf4 byte holds two elements, the first in
/// its high half.
struct QuantizedSizes {
    std::int64_t codes = 0;   ///< bytes
    std::int64_t absmax = 0;  ///< scales: fp32, or uint8 with double quantisation
    std::int64_t nested = 0;  ///< scales of scales, fp32; 0 without double quantisation. Then there is one fp32 offset besides.
    /// All of them, with the offset.
    [[nodiscard]] constexpr std::uint64_t bytes() const noexcept
    {
        return static_cast<std::uint64_t>(codes + (nested > 0 ? absmax + 4 * nested + 4 : 4 * absmax));
    }
};
[[nodiscard]] constexpr QuantizedSizes quantizedSizes(Quantization kind, bool doubleQuantization, std::int64_t rows, std::int64_t cols) noexcept
{
    const std::int64_t count = rows * cols;
    if (kind == Quantization::Int8)
        return {count, rows, 0};
    if (kind == Quantization::None)
        return {};
    const std::int64_t blocks = (count + kNf4Block - 1) / kNf4Block;
    return {(count + 1) / 2, blocks, doubleQuantization ? (blocks + kDoubleQuantBlock - 1) / kDoubleQuantBlock : 0};
}
/// Scales of an 8-bit optimizer state of `count` elements.
[[nodiscard]] constexpr std::int64_t optimizerBlocks(std::int64_t count) noexcept { return (count + kOptimizerBlock - 1) / kOptimizerBlock; }

/// The values of the 4-bit codes (bitsandbytes, get_4bit_type("nf4")).
inline constexpr std::array<float, 16> kNf4Code{
    -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f,
    0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f};

/// An int8 weight is code * scale * this; bitsandbytes multiplies by the reciprocal of 127 rounded to fp32.
inline constexpr float kInt8Step = 7.874015718698502e-3f;

using DynamicMap = std::array<float, 256>;

namespace detail {

/// The boundaries 0.1 ... 1 of torch.linspace in fp32, which fuses multiply and add.
[[nodiscard]] constexpr float boundaryOf(int i, int count) noexcept
{
    const float step = (1.0f - 0.1f) / static_cast<float>(count - 1);
    return static_cast<float>(i < count / 2 ? static_cast<double>(step) * i + static_cast<double>(0.1f) : 1.0 - static_cast<double>(step) * (count - 1 - i));
}

}  // namespace detail

/// The dynamic 8-bit map of bitsandbytes (create_dynamic_map; Dettmers 2016, arXiv:1511.04561), ascending, bit for bit: seven decades
/// of magnitude, each split twice as finely as the one below, and 0 and 1.
[[nodiscard]] constexpr DynamicMap dynamicMap(bool isSigned) noexcept
{
    constexpr std::array<float, 7> kDecades{1e-6f, 1e-5f, 1e-4f, 1e-3f, 1e-2f, 1e-1f, 1.0f};
    DynamicMap map{};
    std::size_t used = 0;
    for (int decade = 0; decade < 7; ++decade) {
        const int items = isSigned ? 1 << decade : 2 << decade;
        for (int i = 0; i < items; ++i) {
            const float mean = (detail::boundaryOf(i, items + 1) + detail::boundaryOf(i + 1, items + 1)) / 2.0f;
            map[used++] = kDecades[static_cast<std::size_t>(decade)] * mean;
            if (isSigned)
                map[used++] = -kDecades[static_cast<std::size_t>(decade)] * mean;
        }
    }
    map[used++] = 0.0f;
    map[used++] = 1.0f;
    std::sort(map.begin(), map.end());
    return map;
}
/// Of first moments and of scales.
inline constexpr DynamicMap kSignedMap = dynamicMap(true);
/// Of second moments.
inline constexpr DynamicMap kUnsignedMap = dynamicMap(false);

/// bitsandbytes' CPU build chooses a code in two steps: which of 65536 points of [-1, 1] lies nearest to the value (multiply and add are
/// fused there, which is what the way through fp64 gives), and the code nearest to that point. A NaN counts as -1.
inline constexpr int kMapPoints = 65536;
[[nodiscard]] constexpr int nearestPoint(float value) noexcept
{
    const float inside = value > -1.0f ? std::min(value, 1.0f) : -1.0f;
    return static_cast<int>(static_cast<float>(static_cast<double>((inside + 1.0f) * 0.5f) * (kMapPoints - 1) + 0.5));
}
[[nodiscard]] constexpr std::uint8_t codeOfPoint(const DynamicMap& map, int point) noexcept
{
    const float value = -1.0f + 2.0f * static_cast<float>(point) / static_cast<float>(kMapPoints - 1);
    int below = 0;
    for (int step = 128; step > 0; step /= 2)
        if (const auto i = static_cast<std::size_t>(below + step); 0.5f * (map[i - 1] + map[i]) < value)
            below += step;
    return static_cast<std::uint8_t>(below);
}

}  // namespace lorikeet
