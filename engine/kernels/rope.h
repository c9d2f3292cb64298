// SPDX-License-Identifier: GPL-3.0-or-later
// Rotary positions (Su et al. 2021, arXiv:2104.09864), half-split convention of Hugging Face: element i turns with i + d/2.
#pragma once

#include "engine/kernels/context.h"
#include "engine/spec/model_shape.h"

#include <vector>

namespace lorikeet::kernels {

/// x [N, heads * d] is turned in place by the angles of positions[n]; `inverse` turns back (the backward pass).
struct Rope {
    Mat x;
    Mat positions;  ///< [1, N] int32
    Mat table;      ///< [context, d] fp32: cos of d/2 angles, then their sin
    std::int64_t headSize = 0;
    bool inverse = false;
};
void rope(Context& context, const Rope& args);

/// Angles per position of each pair, scaling applied: [d/2] inverse frequencies in fp32 as transformers computes them.
[[nodiscard]] std::vector<float> ropeInverseFrequencies(const ModelShape& shape);
/// The table of `context` positions: row p = cos(p f_i) for all i, then sin(p f_i).
[[nodiscard]] std::vector<float> ropeTable(const ModelShape& shape, std::int64_t context);

}  // namespace lorikeet::kernels
