// SPDX-License-Identifier: GPL-3.0-or-later
// Checks and dispatch of the ops on weights: optimizers, quantised matrices, gradients of tables and biases.
#include "engine/kernels/argument_checks.h"
#include "engine/kernels/op_table.h"

namespace lorikeet::kernels {

namespace {

/// Parameter, gradient and working copy of an optimizer step.
void requireStep(const char* op, const Mat& parameter, const Mat& gradient, const Mat& work)
{
    requireRow(op, "parameter", parameter, DType::F32, parameter.cols);
    requireSame(op, parameter, {gradient});
    if (work)
        requireRow(op, "work", work, DType::BF16, parameter.cols);
}

void requireQuantised(const QuantMat& m)
{
    constexpr const char* kOp = "dequantise";
    LORIKEET_CHECK(m.kind == Quantization::Nf4 || m.kind == Quantization::Int8, "dequantise: the matrix is not quantised");
    LORIKEET_CHECK(m.rows > 0 && m.cols > 0, "dequantise: a matrix of " + std::to_string(m.rows) + " x " + std::to_string(m.cols));
    const bool nested = m.kind == Quantization::Nf4 && m.absmax.dtype == DType::U8;
    const QuantizedSizes sizes = quantizedSizes(m.kind, nested, m.rows, m.cols);
    requireRow(kOp, "codes", m.codes, DType::U8, sizes.codes);
    requireRow(kOp, "absmax", m.absmax, nested ? DType::U8 : DType::F32, sizes.absmax);
    if (!nested)
        return;
    requireRow(kOp, "nestedAbsmax", m.nestedAbsmax, DType::F32, sizes.nested);
    requireRow(kOp, "nestedOffset", m.nestedOffset, DType::F32, 1);
    if (m.nestedMap)
        requireRow(kOp, "nestedMap", m.nestedMap, DType::F32, static_cast<std::int64_t>(kSignedMap.size()));
}

}  // namespace

void adamW(Context& context, const AdamW& args)
{
    requireStep("adamW", args.parameter, args.gradient, args.work);
    requireSame("adamW", args.parameter, {args.moment1, args.moment2});
    LORIKEET_CHECK(args.step >= 1, "adamW: steps count from 1");
    context.ops->adamW(context, args);
}

void adamW8bit(Context& context, const AdamW8bit& args)
{
    requireStep("adamW8bit", args.parameter, args.gradient, args.work);
    for (const Mat& moment : {args.moment1, args.moment2})
        requireRow("adamW8bit", "moment", moment, DType::U8, args.parameter.cols);
    for (const Mat& absmax : {args.absmax1, args.absmax2})
        requireRow("adamW8bit", "absmax", absmax, DType::F32, optimizerBlocks(args.parameter.cols));
    LORIKEET_CHECK(args.step >= 1, "adamW8bit: steps count from 1");
    context.ops->adamW8bit(context, args);
}

void sgdMomentum(Context& context, const SgdMomentum& args)
{
    requireStep("sgdMomentum", args.parameter, args.gradient, args.work);
    LORIKEET_CHECK(args.velocity || args.momentum == 0.0, "sgdMomentum: velocity is missing");
    if (args.velocity)
        requireSame("sgdMomentum", args.parameter, {args.velocity});
    context.ops->sgdMomentum(context, args);
}

void lion(Context& context, const Lion& args)
{
    requireStep("lion", args.parameter, args.gradient, args.work);
    requireSame("lion", args.parameter, {args.moment});
    context.ops->lion(context, args);
}

void dequantise(Context& context, const Dequantise& args)
{
    requireQuantised(args.matrix);
    requirePresent("dequantise", "y", args.y);
    LORIKEET_CHECK(args.y.cols == args.matrix.cols && args.firstRow >= 0 && args.firstRow + args.y.rows <= args.matrix.rows,
                   "dequantise: rows from " + std::to_string(args.firstRow) + " of " + std::to_string(args.matrix.rows) + " into " + describe(args.y));
    context.ops->dequantise(context, args);
}

void embedBackward(Context& context, const EmbedBackward& args)
{
    LORIKEET_CHECK(args.dTable && args.dx && args.dTable.cols == args.dx.cols && args.dTable.dtype == statisticsType(args.dx.dtype),
                   "embedBackward: " + describe(args.dTable) + " from " + describe(args.dx));
    requireRow("embedBackward", "tokens", args.tokens, DType::I32, args.dx.rows);
    context.ops->embedBackward(context, args);
}

void sumRows(Context& context, const SumRows& args)
{
    requirePresent("sumRows", "dy", args.dy);
    requireRow("sumRows", "dBias", args.dBias, statisticsType(args.dy.dtype), args.dy.cols);
    context.ops->sumRows(context, args);
}

void rowNorms(Context& context, const RowNorms& args)
{
    requirePresent("rowNorms", "x", args.x);
    requireRow("rowNorms", "norms", args.norms, statisticsType(args.x.dtype), args.x.rows);
    context.ops->rowNorms(context, args);
}

void scaleColumns(Context& context, const ScaleColumns& args)
{
    requirePresent("scaleColumns", "x", args.x);
    requireSame("scaleColumns", args.x, {args.y});
    requireRow("scaleColumns", "magnitude", args.magnitude, statisticsType(args.x.dtype), args.x.cols);
    requireRow("scaleColumns", "norms", args.norms, statisticsType(args.x.dtype), args.x.cols);
    if (args.bias)
        requireRow("scaleColumns", "bias", args.bias, args.x.dtype, args.x.cols);
    context.ops->scaleColumns(context, args);
}

void magnitudeGradient(Context& context, const MagnitudeGradient& args)
{
    requirePresent("magnitudeGradient", "dy", args.dy);
    requireSame("magnitudeGradient", args.dy, {args.z});
    requireRow("magnitudeGradient", "dMagnitude", args.dMagnitude, statisticsType(args.dy.dtype), args.dy.cols);
    requireRow("magnitudeGradient", "norms", args.norms, statisticsType(args.dy.dtype), args.dy.cols);
    context.ops->magnitudeGradient(context, args);
}

}  // namespace lorikeet::kernels
