// SPDX-License-Identifier: GPL-3.0-or-later
// Dropout keyed by what is dropped, not by where it lies: Philox4x32-10 (Salmon et al. 2011) with counter (column / 4, position,
// sample, step) and key (seed, module). Packing, recompute, micro-batch and rank do not change it.
#pragma once

#include "engine/kernels/context.h"

namespace lorikeet::kernels {

/// y = x * mask / (1 - p), or y += with `accumulate`. Element (n, c) is kept when word c % 4 of
/// philox({c / 4, positions[n], low 32 bits of samples[n], step}, {seed, module}) / 2^32 >= p. The mask is its own backward.
struct Dropout {
    Mat y;
    Mat x;
    Mat positions;  ///< [1, N] int32
    Mat samples;    ///< [1, N] int64
    double probability = 0.0;
    std::uint32_t seed = 0;
    std::uint32_t module = 0;  ///< layer * 7 + linear
    std::uint32_t step = 0;
    bool accumulate = false;
};
void dropout(Context& context, const Dropout& args);

}  // namespace lorikeet::kernels
