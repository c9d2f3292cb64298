// SPDX-License-Identifier: GPL-3.0-or-later
// Products on a CPU: oneDNN for fp32 and bf16, LibTorch for the fp64 reference path.
#pragma once

#include "engine/kernels/matmul.h"

namespace lorikeet::kernels {

/// The table's entry: chooses between the three below.
void cpuMatmul(Context& context, const Matmul& args);
/// oneDNN with the caller's scratchpad. fp32, or bf16 operands where the processor multiplies them.
void oneDnnMatmul(Context& context, const Matmul& args);
/// bf16 operands widened to fp32 in Context::widenScratch, for processors without bf16 arithmetic.
void widenedMatmul(Context& context, const Matmul& args);
/// fp64 through at::mm.
void referenceMatmul(const Matmul& args);

}  // namespace lorikeet::kernels
