// SPDX-License-Identifier: GPL-3.0-or-later
// Matrix product: C = alpha op(A) op(B) + beta C. On a CPU through oneDNN, on CUDA through cuBLASLt.
#pragma once

#include "engine/kernels/context.h"

namespace lorikeet::kernels {

/// c [M, N] = alpha * op(a) [M, K] * op(b) [K, N] + beta * c, sums in fp32 (fp64 for F64 operands).
/// dtypes of (a, b, c): all fp32; all fp64 (reference path); bf16, bf16 -> bf16 or fp32. beta is 0 or 1.
struct Matmul {
    Mat c;
    Mat a;
    bool transposeA = false;  ///< a is stored [K, M]
    Mat b;
    bool transposeB = false;  ///< b is stored [N, K], the layout of a linear map's weight
    double alpha = 1.0;
    double beta = 0.0;
};

/// @throws Error{Internal} on shapes that do not fit or a scratchpad smaller than the library asks for.
void matmul(Context& context, const Matmul& args);

/// Shape of one product, for asking the library about its scratchpad.
struct MatmulShape {
    std::int64_t m = 0;
    std::int64_t n = 0;
    std::int64_t k = 0;
    bool transposeA = false;
    bool transposeB = false;
    DType operands = DType::F32;
    DType result = DType::F32;
};
/// Scratchpad bytes of the CPU library for this product.
[[nodiscard]] std::uint64_t cpuMatmulScratchBytes(const MatmulShape& shape);
/// Bytes of fp32 copies that a bf16 product needs where the processor has no bf16 arithmetic.
[[nodiscard]] std::uint64_t widenBytes(const MatmulShape& shape);
/// True when the CPU library multiplies bf16 natively here.
[[nodiscard]] bool cpuMultipliesBf16();

}  // namespace lorikeet::kernels
