// SPDX-License-Identifier: GPL-3.0-or-later
// Optimizers with one state: SGD with momentum (Polyak 1964; torch.optim.SGD) and Lion (Chen et al. 2023, arXiv:2302.06675).
#pragma once

#include "engine/kernels/context.h"

namespace lorikeet::kernels {

/// g = gradient * gradientScale + weightDecay * p; v = momentum * v + g; p -= lr * v. The order of torch.optim.SGD with dampening 0 and
/// without Nesterov; v is zero at the start (torch copies the first gradient, which is the same). fp32, `work` bf16 or absent.
/// Matrices are [1, n].
struct SgdMomentum {
    Mat parameter;
    Mat gradient;
    Mat velocity;  ///< may be absent when momentum is 0
    Mat work;
    double learningRate = 0;
    double momentum = 0.9;
    double weightDecay = 0;
    double gradientScale = 1.0;
};
void sgdMomentum(Context& context, const SgdMomentum& args);

/// p *= 1 - lr * weightDecay; p -= lr * sign(b1 m + (1 - b1) g); m = b2 m + (1 - b2) g, with g = gradient * gradientScale; sign(0) is 0.
struct Lion {
    Mat parameter;
    Mat gradient;
    Mat moment;
    Mat work;
    double learningRate = 0;
    double beta1 = 0.9;
    double beta2 = 0.99;
    double weightDecay = 0;
    double gradientScale = 1.0;
};
void lion(Context& context, const Lion& args);

}  // namespace lorikeet::kernels
