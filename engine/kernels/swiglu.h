// SPDX-License-Identifier: GPL-3.0-or-later
// SwiGLU (Shazeer 2020, arXiv:2002.05202): product = silu(gate) * up.
#pragma once

#include "engine/kernels/context.h"

namespace lorikeet::kernels {

/// product [N, F] = silu(gate) * up.
struct SwigluForward {
    Mat product;
    Mat gate;
    Mat up;
};
void swigluForward(Context& context, const SwigluForward& args);

/// In place: gate becomes d gate, up becomes d up, from dProduct [N, F]. s = sigmoid(gate): d up = dProduct gate s,
/// d gate = dProduct up s (1 + gate (1 - s)).
struct SwigluBackward {
    Mat gate;
    Mat up;
    Mat dProduct;
};
void swigluBackward(Context& context, const SwigluBackward& args);

}  // namespace lorikeet::kernels
