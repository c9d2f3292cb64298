// SPDX-License-Identifier: GPL-3.0-or-later
// Small ops on whole buffers: sum, bias, conversion, zero, sum of squares.
#pragma once

#include "engine/kernels/context.h"

namespace lorikeet::kernels {

/// y = a + b, element-wise, same shapes and types; y may be a or b.
struct Add {
    Mat y;
    Mat a;
    Mat b;
};
void add(Context& context, const Add& args);

/// x [N, W] += bias [1, W] in every row.
struct AddBias {
    Mat x;
    Mat bias;
};
void addBias(Context& context, const AddBias& args);

/// y = x in y's type (round to nearest even), times `scale`. fp32, bf16, fp64 in any pair; y may be x.
struct Convert {
    Mat y;
    Mat x;
    double scale = 1.0;
};
void convert(Context& context, const Convert& args);

void fillZero(Context& context, const Mat& x);

/// Sum of squares in fp64 in a fixed order: the same bits for the same number of threads or not.
[[nodiscard]] double sumOfSquares(Context& context, const Mat& x);

/// Copies host bytes into a device matrix and back; both wait until the copy is done.
void upload(Context& context, const Mat& to, const void* from);
void download(Context& context, void* to, const Mat& from);

}  // namespace lorikeet::kernels
