// SPDX-License-Identifier: GPL-3.0-or-later
// A sum of fp32 numbers in LibTorch's order: the mean of scales has to be the reference's to the last bit.
#pragma once

#include <span>

namespace lorikeet::quant {

/// What torch.sum gives for a contiguous fp32 vector on one thread (ATen/native/cpu/SumKernel.cpp: four streams of vectors of eight, each
/// summed in a cascade of four levels).
[[nodiscard]] float cascadeSum(std::span<const float> values);

}  // namespace lorikeet::quant
