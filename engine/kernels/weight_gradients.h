// SPDX-License-Identifier: GPL-3.0-or-later
// Gradients of an embedding table and of a bias: sums over rows in an order that does not depend on threads.
#pragma once

#include "engine/kernels/context.h"

namespace lorikeet::kernels {

/// dTable [V, H] += dx[n] at row tokens[n], for n = 0, 1, ... in this order. fp32 beside fp32 and bf16 dx, fp64 beside fp64.
struct EmbedBackward {
    Mat dTable;
    Mat dx;      ///< [N, H]
    Mat tokens;  ///< [1, N] int32, 0 .. V - 1
};
void embedBackward(Context& context, const EmbedBackward& args);

/// dBias [1, W] += sum of the rows of dy [N, W]. fp32 beside fp32 and bf16 dy, fp64 beside fp64.
struct SumRows {
    Mat dBias;
    Mat dy;
};
void sumRows(Context& context, const SumRows& args);

}  // namespace lorikeet::kernels
