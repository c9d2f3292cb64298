// SPDX-License-Identifier: GPL-3.0-or-later
// Quantised ggml blocks with scales of their own inside: the K types of 256 elements and the non-linear IQ4 types (layouts of
// ggml-common.h, values as dequantize_row_* of ggml-quants.c). widen() fills kElements values from kBytes bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lorikeet::formats {

template <std::uint32_t Bytes, int Elements>
struct BlockSize {
    static constexpr std::uint32_t kBytes = Bytes;
    static constexpr int kElements = Elements;
};

struct BlockQ2K : BlockSize<84, 256> {
    static void widen(const std::byte* block, float* target) noexcept;
};
struct BlockQ3K : BlockSize<110, 256> {
    static void widen(const std::byte* block, float* target) noexcept;
};
struct BlockQ4K : BlockSize<144, 256> {
    static void widen(const std::byte* block, float* target) noexcept;
};
struct BlockQ5K : BlockSize<176, 256> {
    static void widen(const std::byte* block, float* target) noexcept;
};
struct BlockQ6K : BlockSize<210, 256> {
    static void widen(const std::byte* block, float* target) noexcept;
};
struct BlockQ8K : BlockSize<292, 256> {
    static void widen(const std::byte* block, float* target) noexcept;
};
struct BlockIq4Nl : BlockSize<18, 32> {
    static void widen(const std::byte* block, float* target) noexcept;
};
struct BlockIq4Xs : BlockSize<136, 256> {
    static void widen(const std::byte* block, float* target) noexcept;
};

}  // namespace lorikeet::formats
