// SPDX-License-Identifier: GPL-3.0-or-later
// Softmax cross-entropy of one chunk of rows; the gradient replaces the logits.
#pragma once

#include "engine/kernels/context.h"

namespace lorikeet::kernels {

/// losses[n] = logsumexp(logits[n]) - logits[n][target[n]] in fp32 (fp64 for F64 logits). With gradient, logits [N, V] become
/// (softmax - onehot) * gradientScale.
struct CrossEntropy {
    Mat logits;
    Mat targets;  ///< [1, N] int32, 0 .. V - 1
    Mat losses;   ///< [1, N] fp32 (fp64 for F64 logits)
    bool gradient = true;
    double gradientScale = 1.0;
};
void crossEntropy(Context& context, const CrossEntropy& args);

}  // namespace lorikeet::kernels
