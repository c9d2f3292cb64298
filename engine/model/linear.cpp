// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/linear.h"

#include "engine/kernels/dora.h"
#include "engine/kernels/dropout.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/matmul.h"
#include "engine/kernels/weight_gradients.h"
#include "engine/plan/trained.h"

#include <algorithm>

namespace lorikeet::model {

namespace {

/// The first width columns' worth of a workspace, as a dense [rows, width] matrix.
Mat workspace(const Mat& buffer, std::int64_t rows, std::int64_t width) { return buffer.reshaped(rows, width); }

/// The weight as the product reads it.
const Mat& readyWeight(Context& context, const LinearView& map)
{
    if (map.quantised)
        kernels::dequantise(context, {map.weight, map.quantised});
    return map.weight;
}

/// drop(x): x itself without dropout.
Mat adapterInput(Context& context, const LinearView& map, const Mat& x, const Mat& dropped, const DropoutKey& key)
{
    if (key.probability <= 0.0)
        return x;
    const Mat masked = workspace(dropped, x.rows, x.cols);
    kernels::dropout(context, {masked, x, key.positions, key.samples, key.probability, key.seed, map.module, key.step, false});
    return masked;
}

/// Makes the map's output before its magnitude again, sums the magnitude's gradient, and returns the gradient of that output.
Mat throughMagnitude(Context& context, const LinearView& map, const LinearBackward& args)
{
    const Mat z = workspace(args.z, args.x.rows, args.dy.cols);
    kernels::matmul(context, {.c = z, .a = args.x, .b = readyWeight(context, map), .transposeB = true});
    kernels::matmul(context, {.c = z, .a = workspace(args.s, args.x.rows, map.loraA.rows), .b = map.loraB, .transposeB = true, .beta = 1.0});
    kernels::magnitudeGradient(context, {map.dMagnitude, args.dy, z, map.rowNorms});
    kernels::scaleColumns(context, {z, args.dy, map.magnitude, map.rowNorms, {}});
    return z;
}

}  // namespace

void makeRowNorms(Context& context, const LinearView& map, const Mat& block)
{
    if (!map.hasMagnitude())
        return;
    const Mat& weight = readyWeight(context, map);
    for (std::int64_t first = 0; first < weight.rows; first += plan::kNormRows) {
        const std::int64_t count = std::min(plan::kNormRows, weight.rows - first);
        const Mat rows = block.part(0, count, weight.cols);
        kernels::convert(context, {rows, weight.slice(first, count), 1.0});
        kernels::matmul(context, {.c = rows, .a = map.loraB.slice(first, count), .b = map.loraA, .alpha = map.scale, .beta = 1.0});
        kernels::rowNorms(context, {map.rowNorms.part(first, 1, count), rows});
    }
}

void linearAdapterInput(Context& context, const LinearView& map, const Mat& x, const Mat& s, const Mat& dropped, const DropoutKey& dropout)
{
    if (!map.adapted())
        return;
    const Mat input = adapterInput(context, map, x, dropped, dropout);
    kernels::matmul(context, {.c = workspace(s, x.rows, map.loraA.rows), .a = input, .b = map.loraA, .transposeB = true, .alpha = map.scale});
}

void linearForward(Context& context, const LinearView& map, const Mat& y, const Mat& x, const Mat& s, const Mat& dropped,
                   const DropoutKey& dropout)
{
    kernels::matmul(context, {.c = y, .a = x, .b = readyWeight(context, map), .transposeB = true});
    if (map.bias && !map.hasMagnitude())
        kernels::addBias(context, {y, map.bias});
    if (!map.adapted())
        return;
    linearAdapterInput(context, map, x, s, dropped, dropout);
    kernels::matmul(context, {.c = y, .a = workspace(s, x.rows, map.loraA.rows), .b = map.loraB, .transposeB = true, .beta = 1.0});
    if (map.hasMagnitude())
        kernels::scaleColumns(context, {y, y, map.magnitude, map.rowNorms, map.bias});
}

void linearBackward(Context& context, const LinearView& map, const LinearBackward& args, const DropoutKey& dropout)
{
    // The product before the magnitude has just made a quantised weight ready.
    const Mat dy = map.hasMagnitude() ? throughMagnitude(context, map, args) : args.dy;
    if (args.dx)
        kernels::matmul(context, {.c = args.dx, .a = dy, .b = map.hasMagnitude() ? map.weight : readyWeight(context, map), .beta = args.accumulate ? 1.0 : 0.0});
    if (map.dWeight)
        kernels::matmul(context, {.c = map.dWeight, .a = dy, .transposeA = true, .b = args.x, .beta = 1.0});
    if (map.dBias)
        kernels::sumRows(context, {map.dBias, args.dy});
    if (!map.adapted())
        return;
    const std::int64_t rows = args.x.rows;
    const std::int64_t rank = map.loraA.rows;
    const Mat dS = workspace(args.dS, rows, rank);
    kernels::matmul(context, {.c = dS, .a = dy, .b = map.loraB, .alpha = map.scale});
    kernels::matmul(context, {.c = map.dB, .a = dy, .transposeA = true, .b = workspace(args.s, rows, rank), .beta = 1.0});
    const Mat input = adapterInput(context, map, args.x, args.dropped, dropout);
    kernels::matmul(context, {.c = map.dA, .a = dS, .transposeA = true, .b = input, .beta = 1.0});
    if (!args.dx)
        return;
    if (dropout.probability <= 0.0) {
        kernels::matmul(context, {.c = args.dx, .a = dS, .b = map.loraA, .beta = 1.0});
        return;
    }
    const Mat masked = workspace(args.dropped, rows, args.x.cols);
    kernels::matmul(context, {.c = masked, .a = dS, .b = map.loraA});
    kernels::dropout(context, {args.dx, masked, dropout.positions, dropout.samples, dropout.probability, dropout.seed, map.module, dropout.step, true});
}

}  // namespace lorikeet::model
