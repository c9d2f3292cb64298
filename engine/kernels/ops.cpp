// SPDX-License-Identifier: GPL-3.0-or-later
// Checks and dispatch of all ops: a wrong shape is our bug and is named here, with both sides, before a kernel sees it.
#include "engine/kernels/argument_checks.h"
#include "engine/kernels/copy_lane.h"
#include "engine/kernels/op_table.h"

namespace lorikeet::kernels {

std::string describe(const Mat& mat)
{
    if (!mat)
        return "[none]";
    return "[" + std::to_string(mat.rows) + " x " + std::to_string(mat.cols) + " " + std::string(nameOf(mat.dtype)) + "]";
}

void matmul(Context& context, const Matmul& args)
{
    const std::int64_t m = args.transposeA ? args.a.cols : args.a.rows;
    const std::int64_t k = args.transposeA ? args.a.rows : args.a.cols;
    const std::int64_t kb = args.transposeB ? args.b.cols : args.b.rows;
    const std::int64_t n = args.transposeB ? args.b.rows : args.b.cols;
    LORIKEET_CHECK(args.a && args.b && args.c && k == kb && args.c.rows == m && args.c.cols == n && args.a.dtype == args.b.dtype,
                   "matmul: " + describe(args.c) + " = " + describe(args.a) + (args.transposeA ? "^T" : "") + " x " + describe(args.b)
                       + (args.transposeB ? "^T" : ""));
    LORIKEET_CHECK(args.c.dtype == args.a.dtype || (args.a.dtype == DType::BF16 && args.c.dtype == DType::F32), "matmul: result type");
    LORIKEET_CHECK(args.beta == 0.0 || args.beta == 1.0, "matmul: beta is 0 or 1");
    if (m > 0)
        context.ops->matmul(context, args);
}

void rmsNormForward(Context& context, const RmsNormForward& args)
{
    requireSame("rmsNormForward", args.x, {args.y});
    requireRow("rmsNormForward", "gain", args.gain, args.x.dtype, args.x.cols);
    context.ops->rmsNormForward(context, args);
}

void rmsNormBackward(Context& context, const RmsNormBackward& args)
{
    requireSame("rmsNormBackward", args.x, {args.dx, args.dy});
    requireRow("rmsNormBackward", "gain", args.gain, args.x.dtype, args.x.cols);
    if (args.dGain)
        requireRow("rmsNormBackward", "dGain", args.dGain, statisticsType(args.x.dtype), args.x.cols);
    context.ops->rmsNormBackward(context, args);
}

void rope(Context& context, const Rope& args)
{
    requirePresent("rope", "x", args.x);
    LORIKEET_CHECK(args.headSize > 0 && args.x.cols % args.headSize == 0, "rope: head size");
    requireRow("rope", "positions", args.positions, DType::I32, args.x.rows);
    LORIKEET_CHECK(args.table.cols == args.headSize && args.table.dtype == DType::F32, "rope: table " + describe(args.table));
    context.ops->rope(context, args);
}

namespace {

void checkHeads(const char* op, const Mat& q, const Mat& k, std::int64_t headSize)
{
    LORIKEET_CHECK(headSize > 0 && headSize <= kLargestHead, std::string(op) + ": head size " + std::to_string(headSize));
    LORIKEET_CHECK(q.cols % headSize == 0 && k.cols % headSize == 0 && (q.cols / headSize) % (k.cols / headSize) == 0 && q.dtype == k.dtype,
                   std::string(op) + ": q " + describe(q) + ", k " + describe(k));
}

}  // namespace

void attentionForward(Context& context, const AttentionForward& args)
{
    requireSame("attentionForward", args.q, {args.out});
    requireSame("attentionForward", args.k, {args.v});
    checkHeads("attentionForward", args.q, args.k, args.headSize);
    requirePresent("attentionForward", "documents", args.documents);
    if (args.lse)
        requireRow("attentionForward", "lse", args.lse, statisticsType(args.q.dtype), args.q.rows * (args.q.cols / args.headSize));
    context.ops->attentionForward(context, args);
}

void attentionBackward(Context& context, const AttentionBackward& args)
{
    requireSame("attentionBackward", args.q, {args.dq, args.dout, args.out});
    requireSame("attentionBackward", args.k, {args.v, args.dk, args.dv});
    checkHeads("attentionBackward", args.q, args.k, args.headSize);
    const std::int64_t statistics = args.q.rows * (args.q.cols / args.headSize);
    requireRow("attentionBackward", "lse", args.lse, statisticsType(args.q.dtype), statistics);
    requireRow("attentionBackward", "delta", args.delta, statisticsType(args.q.dtype), statistics);
    context.ops->attentionBackward(context, args);
}

void attentionCached(Context& context, const AttentionCached& args)
{
    requireSame("attentionCached", args.q, {args.out});
    requireSame("attentionCached", args.keys, {args.values});
    checkHeads("attentionCached", args.q, args.keys, args.headSize);
    LORIKEET_CHECK(args.first >= 0 && args.first + args.q.rows <= args.keys.rows, "attentionCached: the cache has " + std::to_string(args.keys.rows) + " slots");
    context.ops->attentionCached(context, args);
}

void swigluForward(Context& context, const SwigluForward& args)
{
    requireSame("swigluForward", args.gate, {args.up, args.product});
    context.ops->swigluForward(context, args);
}

void swigluBackward(Context& context, const SwigluBackward& args)
{
    requireSame("swigluBackward", args.gate, {args.up, args.dProduct});
    context.ops->swigluBackward(context, args);
}

void crossEntropy(Context& context, const CrossEntropy& args)
{
    requirePresent("crossEntropy", "logits", args.logits);
    requireRow("crossEntropy", "targets", args.targets, DType::I32, args.logits.rows);
    requireRow("crossEntropy", "losses", args.losses, statisticsType(args.logits.dtype), args.logits.rows);
    context.ops->crossEntropy(context, args);
}

void embed(Context& context, const Embed& args)
{
    LORIKEET_CHECK(args.out && args.table && args.out.cols == args.table.cols && args.out.dtype == args.table.dtype,
                   "embed: " + describe(args.out) + " from " + describe(args.table));
    requireRow("embed", "tokens", args.tokens, DType::I32, args.out.rows);
    context.ops->embed(context, args);
}

void gatherRows(Context& context, const GatherRows& args)
{
    LORIKEET_CHECK(args.out && args.x && args.out.cols == args.x.cols && args.out.dtype == args.x.dtype,
                   "gatherRows: " + describe(args.out) + " from " + describe(args.x));
    requireRow("gatherRows", "rows", args.rows, DType::I32, args.out.rows);
    context.ops->gatherRows(context, args);
}

void scatterRows(Context& context, const ScatterRows& args)
{
    LORIKEET_CHECK(args.out && args.x && args.out.cols == args.x.cols && args.out.dtype == args.x.dtype,
                   "scatterRows: " + describe(args.x) + " into " + describe(args.out));
    requireRow("scatterRows", "rows", args.rows, DType::I32, args.x.rows);
    context.ops->scatterRows(context, args);
}

void dropout(Context& context, const Dropout& args)
{
    requireSame("dropout", args.x, {args.y});
    requireRow("dropout", "positions", args.positions, DType::I32, args.x.rows);
    requireRow("dropout", "samples", args.samples, DType::I64, args.x.rows);
    LORIKEET_CHECK(args.probability >= 0.0 && args.probability < 1.0, "dropout: probability");
    context.ops->dropout(context, args);
}

void add(Context& context, const Add& args)
{
    requireSame("add", args.y, {args.a, args.b});
    context.ops->add(context, args);
}

void addBias(Context& context, const AddBias& args)
{
    requirePresent("addBias", "x", args.x);
    requireRow("addBias", "bias", args.bias, args.x.dtype, args.x.cols);
    context.ops->addBias(context, args);
}

void convert(Context& context, const Convert& args)
{
    LORIKEET_CHECK(args.x && args.y && args.x.elements() == args.y.elements(), "convert: " + describe(args.x) + " to " + describe(args.y));
    context.ops->convert(context, args);
}

void fillZero(Context& context, const Mat& x)
{
    requirePresent("fillZero", "x", x);
    context.ops->fillZero(context, x);
}

void upload(Context& context, const Mat& to, const void* from)
{
    requirePresent("upload", "to", to);
    context.ops->upload(context, to, from);
}

std::unique_ptr<CopyLane> makeCopyLane(Context& context) { return std::unique_ptr<CopyLane>(context.ops->makeCopyLane(context)); }

void download(Context& context, void* to, const Mat& from)
{
    requirePresent("download", "from", from);
    context.ops->download(context, to, from);
}

double sumOfSquares(Context& context, const Mat& x)
{
    requirePresent("sumOfSquares", "x", x);
    return context.ops->sumOfSquares(context, x);
}

}  // namespace lorikeet::kernels
