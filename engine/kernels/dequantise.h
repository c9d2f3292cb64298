// SPDX-License-Identifier: GPL-3.0-or-later
// Quantised weights back into numbers: NF4 with plain or doubly quantised scales, and int8 by rows. Values equal bitsandbytes'
// dequantize_4bit and int8_vectorwise_dequant bit for bit: products in fp32, then rounded to y's type. (Two exceptions of bitsandbytes
// 0.50 with AVX-512: it takes wrong scales where rows are a multiple of 16 but not of 64 elements, and its bf16 has no denormals.)
#pragma once

#include "engine/kernels/context.h"
#include "engine/spec/quantization.h"

namespace lorikeet::kernels {

/// One quantised tensor of rows x cols elements (row-major); the views are planned buffers. Lengths: quantizedSizes().
struct QuantMat {
    Quantization kind = Quantization::None;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    Mat codes;         ///< uint8 [1, bytes]. Nf4: two elements a byte, the first in the high half. Int8: two's complement
    Mat absmax;        ///< fp32 [1, blocks] (Int8: [1, rows]), or uint8 [1, blocks] when doubly quantised
    Mat nestedAbsmax;  ///< fp32 [1, nested]; only beside a uint8 absmax, as the next two
    Mat nestedOffset;  ///< fp32 [1, 1]: scale = map[absmax] * nestedAbsmax + offset
    Mat nestedMap;     ///< fp32 [1, 256] of a checkpoint whose map is its own; absent: kSignedMap

    [[nodiscard]] explicit operator bool() const noexcept { return kind != Quantization::None; }
};

/// y [R, cols] = rows [firstRow, firstRow + R) of the matrix. y is bf16, fp32 or (CPU only) fp64.
struct Dequantise {
    Mat y;
    QuantMat matrix;
    std::int64_t firstRow = 0;
};
/// @throws Error{Internal} on buffers that do not fit the matrix.
void dequantise(Context& context, const Dequantise& args);

}  // namespace lorikeet::kernels
