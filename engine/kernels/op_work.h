// SPDX-License-Identifier: GPL-3.0-or-later
// What one call of an op has to do at least: floating-point operations of its products, and bytes that it must read and write once.
#pragma once

#include "engine/kernels/op_table.h"

#include <array>

namespace lorikeet::kernels {

struct OpWork {
    double flops = 0;  ///< of products; element-wise ops are counted by their bytes
    double bytes = 0;  ///< operands and results, each once
    std::array<std::int64_t, 3> shape{};  ///< m, n, k of a product; rows, columns, 0 of the rest
    DType dtype = DType::F32;
};

/// 2 m n k.
[[nodiscard]] OpWork workOf(const Matmul& args);
/// Two products over the pairs of a query and a key it sees (FlashAttention-2, arXiv:2307.08691, section 4.1); documents are read on the host.
[[nodiscard]] OpWork workOf(const AttentionForward& args);
/// Five products over them.
[[nodiscard]] OpWork workOf(const AttentionBackward& args);
[[nodiscard]] OpWork workOf(const AttentionCached& args);
[[nodiscard]] OpWork workOf(const Embed& args);
[[nodiscard]] OpWork workOf(const Dequantise& args);
[[nodiscard]] OpWork workOf(const RmsNormForward& args);
[[nodiscard]] OpWork workOf(const RmsNormBackward& args);
[[nodiscard]] OpWork workOf(const Rope& args);
[[nodiscard]] OpWork workOf(const SwigluForward& args);
[[nodiscard]] OpWork workOf(const SwigluBackward& args);
[[nodiscard]] OpWork workOf(const CrossEntropy& args);
[[nodiscard]] OpWork workOf(const GatherRows& args);
[[nodiscard]] OpWork workOf(const ScatterRows& args);
[[nodiscard]] OpWork workOf(const Dropout& args);
[[nodiscard]] OpWork workOf(const Add& args);
[[nodiscard]] OpWork workOf(const AddBias& args);
[[nodiscard]] OpWork workOf(const Convert& args);
[[nodiscard]] OpWork workOf(const Mat& touched);
[[nodiscard]] OpWork workOf(const AdamW& args);
[[nodiscard]] OpWork workOf(const AdamW8bit& args);
[[nodiscard]] OpWork workOf(const SgdMomentum& args);
[[nodiscard]] OpWork workOf(const Lion& args);
[[nodiscard]] OpWork workOf(const EmbedBackward& args);
[[nodiscard]] OpWork workOf(const SumRows& args);
[[nodiscard]] OpWork workOf(const RowNorms& args);
[[nodiscard]] OpWork workOf(const ScaleColumns& args);
[[nodiscard]] OpWork workOf(const MagnitudeGradient& args);

}  // namespace lorikeet::kernels
