// SPDX-License-Identifier: GPL-3.0-or-later
// Weight-decomposed adapters (DoRA, Liu et al. 2024, arXiv:2402.09353), as PEFT computes them: an adapted map's outputs are scaled to
// trained magnitudes, and the norms they are scaled from count as constants in the gradient (section 4.3).
//
// Legend: N rows, W outputs of a map. Norms, magnitudes and their gradient are fp32 beside fp32 and bf16 rows, fp64 beside fp64.
#pragma once

#include "engine/kernels/context.h"

namespace lorikeet::kernels {

/// norms [1, R] = Euclidean length of each row of x [R, K]; the order of the sum does not depend on threads.
struct RowNorms {
    Mat norms;
    Mat x;
};
void rowNorms(Context& context, const RowNorms& args);

/// y [N, W] = x * magnitude / norms in every row, + bias where there is one; y may be x.
struct ScaleColumns {
    Mat y;
    Mat x;
    Mat magnitude;  ///< [1, W]
    Mat norms;      ///< [1, W]
    Mat bias;       ///< [1, W] in x's type, or none
};
void scaleColumns(Context& context, const ScaleColumns& args);

/// dMagnitude [1, W] += sum over rows of dy * z / norms, z being the map's output before it was scaled.
struct MagnitudeGradient {
    Mat dMagnitude;
    Mat dy;  ///< [N, W]
    Mat z;   ///< [N, W]
    Mat norms;
};
void magnitudeGradient(Context& context, const MagnitudeGradient& args);

}  // namespace lorikeet::kernels
