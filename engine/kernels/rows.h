// SPDX-License-Identifier: GPL-3.0-or-later
// Picking rows by index: embedding look-up, supervised rows out of and back into the residual stream.
#pragma once

#include "engine/kernels/context.h"

namespace lorikeet::kernels {

/// out [N, H] = table[tokens[n]].
struct Embed {
    Mat out;
    Mat table;   ///< [V, H]
    Mat tokens;  ///< [1, N] int32, 0 .. V - 1
};
void embed(Context& context, const Embed& args);

/// out [R, H] = x[rows[i]].
struct GatherRows {
    Mat out;
    Mat x;
    Mat rows;  ///< [1, R] int32
};
void gatherRows(Context& context, const GatherRows& args);

/// out[rows[i]] = x[i]; the indices are distinct, other rows stay.
struct ScatterRows {
    Mat out;
    Mat x;
    Mat rows;
};
void scatterRows(Context& context, const ScatterRows& args);

}  // namespace lorikeet::kernels
