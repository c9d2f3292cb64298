// SPDX-License-Identifier: GPL-3.0-or-later
// AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) on one flat fp32 buffer, arithmetic order of torch.optim.AdamW.
#pragma once

#include "engine/kernels/context.h"

namespace lorikeet::kernels {

/// p *= 1 - lr * weightDecay; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
/// p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps), with g = gradient * gradientScale. `work`, where given, gets p in
/// its own type. Matrices are [1, n].
struct AdamW {
    Mat parameter;
    Mat gradient;
    Mat moment1;
    Mat moment2;
    Mat work;
    double learningRate = 0;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double eps = 1e-8;
    double weightDecay = 0;
    double gradientScale = 1.0;
    std::int64_t step = 1;  ///< t, from 1
};
void adamW(Context& context, const AdamW& args);

}  // namespace lorikeet::kernels
