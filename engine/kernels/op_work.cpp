// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/kernels/op_work.h"

#include <algorithm>
#include <initializer_list>

namespace lorikeet::kernels {

namespace {

/// `touched` names a matrix as often as it is passed over.
OpWork passes(const Mat& shape, std::initializer_list<Mat> touched)
{
    OpWork work{0, 0, {shape.rows, shape.cols, 0}, shape.dtype};
    for (const Mat& mat : touched)
        work.bytes += static_cast<double>(mat.bytes());
    return work;
}

/// Pairs of a query and a key it sees, of one head.
double seenPairs(const Mat& documents, std::int64_t window)
{
    const auto* starts = documents.as<std::int32_t>();
    double pairs = 0;
    for (std::int64_t d = 0; d + 1 < documents.cols; ++d) {
        const double length = starts[d + 1] - starts[d];
        const double widest = window > 0 ? std::min(length, static_cast<double>(window)) : length;
        pairs += widest * (widest + 1) / 2 + (length - widest) * widest;
    }
    return pairs;
}

}  // namespace

OpWork workOf(const Matmul& args)
{
    const std::int64_t k = args.transposeA ? args.a.rows : args.a.cols;
    OpWork work = passes(args.c, {args.a, args.b, args.c, args.beta != 0.0 ? args.c : Mat{}});
    work.shape[2] = k;
    work.dtype = args.a.dtype;
    work.flops = 2.0 * static_cast<double>(args.c.elements()) * static_cast<double>(k);
    return work;
}

OpWork workOf(const AttentionForward& args)
{
    OpWork work = passes(args.q, {args.q, args.k, args.v, args.out, args.lse});
    work.flops = 4.0 * static_cast<double>(args.q.cols) * seenPairs(args.documents, args.window);
    return work;
}

OpWork workOf(const AttentionBackward& args)
{
    OpWork work = passes(args.q, {args.q, args.k, args.v, args.out, args.dout, args.dq, args.dk, args.dv, args.lse});
    work.flops = 10.0 * static_cast<double>(args.q.cols) * seenPairs(args.documents, args.window);
    return work;
}

OpWork workOf(const AttentionCached& args)
{
    const std::int64_t keys = args.first + args.q.rows;
    OpWork work = passes(args.q, {args.q, args.out, args.keys.head(keys), args.values.head(keys)});
    const double seen = args.window > 0 ? std::min<double>(static_cast<double>(args.window), static_cast<double>(keys)) : static_cast<double>(keys);
    work.flops = 4.0 * static_cast<double>(args.q.elements()) * seen;
    return work;
}

OpWork workOf(const Embed& args) { return passes(args.out, {args.out, args.out}); }
OpWork workOf(const Dequantise& args) { return passes(args.y, {args.y, args.matrix.codes, args.matrix.absmax}); }
OpWork workOf(const RmsNormForward& args) { return passes(args.x, {args.x, args.y}); }
OpWork workOf(const RmsNormBackward& args) { return passes(args.x, {args.x, args.dy, args.dx, args.accumulate ? args.dx : Mat{}}); }
OpWork workOf(const Rope& args) { return passes(args.x, {args.x, args.x}); }
OpWork workOf(const SwigluForward& args) { return passes(args.gate, {args.gate, args.up, args.product}); }
OpWork workOf(const SwigluBackward& args) { return passes(args.gate, {args.gate, args.gate, args.up, args.up, args.dProduct}); }
OpWork workOf(const CrossEntropy& args) { return passes(args.logits, {args.logits, args.gradient ? args.logits : Mat{}}); }
OpWork workOf(const GatherRows& args) { return passes(args.out, {args.out, args.out}); }
OpWork workOf(const ScatterRows& args) { return passes(args.x, {args.x, args.x}); }
OpWork workOf(const Dropout& args) { return passes(args.x, {args.x, args.y, args.accumulate ? args.y : Mat{}}); }
OpWork workOf(const Add& args) { return passes(args.y, {args.a, args.b, args.y}); }
OpWork workOf(const AddBias& args) { return passes(args.x, {args.x, args.x}); }
OpWork workOf(const Convert& args) { return passes(args.y, {args.x, args.y}); }
OpWork workOf(const Mat& touched) { return passes(touched, {touched}); }

OpWork workOf(const AdamW& args)
{
    return passes(args.parameter, {args.parameter, args.parameter, args.gradient, args.moment1, args.moment1, args.moment2, args.moment2, args.work});
}

OpWork workOf(const AdamW8bit& args)
{
    return passes(args.parameter, {args.parameter, args.parameter, args.gradient, args.moment1, args.moment1, args.moment2, args.moment2, args.work});
}

OpWork workOf(const SgdMomentum& args)
{
    return passes(args.parameter, {args.parameter, args.parameter, args.gradient, args.velocity, args.velocity, args.work});
}

OpWork workOf(const Lion& args)
{
    return passes(args.parameter, {args.parameter, args.parameter, args.gradient, args.moment, args.moment, args.work});
}

OpWork workOf(const EmbedBackward& args) { return passes(args.dx, {args.dx, args.dx, args.dx}); }
OpWork workOf(const SumRows& args) { return passes(args.dy, {args.dy}); }
OpWork workOf(const RowNorms& args) { return passes(args.x, {args.x}); }
OpWork workOf(const ScaleColumns& args) { return passes(args.x, {args.x, args.y}); }
OpWork workOf(const MagnitudeGradient& args) { return passes(args.dy, {args.dy, args.z}); }

}  // namespace lorikeet::kernels
