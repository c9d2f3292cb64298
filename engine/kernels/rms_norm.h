// SPDX-License-Identifier: GPL-3.0-or-later
// RMSNorm (Zhang and Sennrich 2019, arXiv:1910.07467), Llama order: statistics in fp32, x rounded to its type before the gain.
#pragma once

#include "engine/kernels/context.h"

namespace lorikeet::kernels {

/// y [N, H] = gain * (x / sqrt(mean(x^2) + eps)). Rows are independent. y may be x.
struct RmsNormForward {
    Mat y;
    Mat x;
    Mat gain;  ///< [1, H]
    double eps = 1e-5;
};
void rmsNormForward(Context& context, const RmsNormForward& args);

/// dx (+)= gradient of the norm for dy; statistics are computed again from x. dx may be dy. With dGain (fp32 [1, H]) the gain's
/// gradient is added to it.
struct RmsNormBackward {
    Mat dx;
    Mat dy;
    Mat x;
    Mat gain;
    Mat dGain;
    double eps = 1e-5;
    bool accumulate = false;  ///< dx += instead of dx =
};
void rmsNormBackward(Context& context, const RmsNormBackward& args);

}  // namespace lorikeet::kernels
