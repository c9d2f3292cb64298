// SPDX-License-Identifier: GPL-3.0-or-later
// Quantised ggml blocks with scales of their own inside: the K types of 256 elements and the non-linear IQ4 types (layouts of
// ggml-common.h, values as dequantize_row_* of ggml-quants.c).
#pragma once

#include <cstddef>
#include <cstdint>

namespace lorikeet::formats {

struct BlockQ2K {
    static constexpr std::uint32_t kBytes = 84;
    static constexpr int kElements = 256;
    static void widen(const std::byte* block, float* target) noexcept;
};
struct BlockQ3K {
    static constexpr std::uint32_t kBytes = 110;
    static constexpr int kElements = 256;
    static void widen(const std::byte* block, float* target) noexcept;
};
struct BlockQ4K {
    static constexpr std::uint32_t kBytes = 144;
    static constexpr int kElements = 256;
    static void widen(const std::byte* block, float* target) noexcept;
};
struct BlockQ5K {
    static constexpr std::uint32_t kBytes = 176;
    static constexpr int kElements = 256;
    static void widen(const std::byte* block, float* target) noexcept;
};
struct BlockQ6K {
    static constexpr std::uint32_t kBytes = 210;
    static constexpr int kElements = 256;
    static void widen(const std::byte* block, float* target) noexcept;
};
struct BlockQ8K {
    static constexpr std::uint32_t kBytes = 292;
    static constexpr int kElements = 256;
    static void widen(const std::byte* block, float* target) noexcept;
};
struct BlockIq4Nl {
    static constexpr std::uint32_t kBytes = 18;
    static constexpr int kElements = 32;
    static void widen(const std::byte* block, float* target) noexcept;
};
struct BlockIq4Xs {
    static constexpr std::uint32_t kBytes = 136;
    static constexpr int kElements = 256;
    static void widen(const std::byte* block, float* target) noexcept;
};

}  // namespace lorikeet::formats
