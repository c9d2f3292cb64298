// SPDX-License-Identifier: GPL-3.0-or-later
// LibTorch's tensors as operands of our ops, and their distance.
#pragma once

#include "engine/kernels/context.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

namespace lorikeet::test {

inline at::ScalarType scalarOf(DType dtype) { return dtype == DType::F64 ? at::kDouble : dtype == DType::BF16 ? at::kBFloat16 : at::kFloat; }

/// Largest allowed difference relative to the largest value.
inline double tolerance(DType dtype) { return dtype == DType::F64 ? 1e-9 : dtype == DType::F32 ? 1e-4 : 2e-2; }

inline kernels::Mat matOf(const at::Tensor& t)
{
    const DType dtype = t.scalar_type() == at::kDouble ? DType::F64 : t.scalar_type() == at::kBFloat16 ? DType::BF16
                      : t.scalar_type() == at::kInt  ? DType::I32 : t.scalar_type() == at::kLong ? DType::I64
                      : t.scalar_type() == at::kByte ? DType::U8 : DType::F32;
    return {t.data_ptr(), dtype, t.dim() == 1 ? 1 : t.size(0), t.dim() == 1 ? t.size(0) : t.size(1)};
}

inline double difference(const at::Tensor& ours, const at::Tensor& theirs)
{
    const at::Tensor a = ours.to(at::kDouble).flatten();
    const at::Tensor b = theirs.detach().to(at::kDouble).flatten();
    return ((a - b).abs().max() / (b.abs().max() + 1e-30)).item<double>();
}

}  // namespace lorikeet::test
