// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/block.h"

#include "engine/kernels/attention.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/rms_norm.h"
#include "engine/kernels/rope.h"
#include "engine/kernels/swiglu.h"

namespace lorikeet::model {

void Block::project(const BlockWeights& w, Linear linear, const Mat& y, const Mat& x, const BlockMats& b, const PassInputs& in) const
{
    linearForward(m_context, w.at(linear), y, x, b.sOf(linear), b.dropped, in.dropout);
}

/// RMSNorm over each head: the same rows seen as [N * heads, head size].
void Block::normHeads(const Mat& y, const Mat& x, const Mat& gain) const
{
    const std::int64_t rows = x.elements() / m_shape.headSize;
    kernels::rmsNormForward(m_context, {y.reshaped(rows, m_shape.headSize), x.reshaped(rows, m_shape.headSize), gain, m_shape.normEps});
}

void Block::turn(const Mat& x, const PassInputs& in, bool inverse) const
{
    kernels::rope(m_context, {x, in.positions, in.ropeTable, m_shape.headSize, inverse});
}

void Block::queriesKeysValues(const BlockWeights& w, const BlockMats& b, const PassInputs& in) const
{
    kernels::rmsNormForward(m_context, {b.norm1, b.x, w.normIn, m_shape.normEps});
    project(w, Linear::Q, m_shape.qkNorm ? b.qPre : b.q, b.norm1, b, in);
    project(w, Linear::K, m_shape.qkNorm ? b.kPre : b.k, b.norm1, b, in);
    project(w, Linear::V, b.v, b.norm1, b, in);
    if (m_shape.qkNorm) {
        normHeads(b.q, b.qPre, w.qNorm);
        normHeads(b.k, b.kPre, w.kNorm);
    }
    if (!m_shape.hasRope(w.layer))
        return;
    turn(b.q, in, false);
    turn(b.k, in, false);
}

void Block::attend(const BlockWeights& w, const BlockMats& b, const PassInputs& in) const
{
    kernels::attentionForward(m_context, {b.attn, b.lse, b.q, b.k, b.v, in.documents, m_shape.headSize, m_shape.attentionScale(),
                                          m_shape.windowOf(w.layer), in.longestDocument});
}

/// y = residual scale * y + stream.
void Block::addBranch(const Mat& y, const Mat& stream) const
{
    if (m_shape.residualScale != 1.0)
        kernels::convert(m_context, {y, y, m_shape.residualScale});
    kernels::add(m_context, {y, y, stream});
}

/// The gradient of what a branch gave, before its scale: that of the stream, or a scaled copy where dNorm will be written next.
const Mat& Block::branchGradient(const BackwardMats& g) const
{
    if (m_shape.residualScale == 1.0)
        return g.dStream;
    kernels::convert(m_context, {g.dNorm, g.dStream, m_shape.residualScale});
    return g.dNorm;
}

void Block::attentionResidual(const BlockWeights& w, const BlockMats& b, const PassInputs& in) const
{
    project(w, Linear::O, b.mid, b.attn, b, in);
    addBranch(b.mid, b.x);
}

void Block::gates(const BlockWeights& w, const BlockMats& b, const PassInputs& in) const
{
    kernels::rmsNormForward(m_context, {b.norm2, b.mid, w.normMid, m_shape.normEps});
    project(w, Linear::Gate, b.gate, b.norm2, b, in);
    project(w, Linear::Up, b.up, b.norm2, b, in);
}

void Block::mlpResidual(const BlockWeights& w, const BlockMats& b, const PassInputs& in) const
{
    kernels::swigluForward(m_context, {b.product, b.gate, b.up});
    project(w, Linear::Down, b.y, b.product, b, in);
    addBranch(b.y, b.mid);
}

void Block::forward(const BlockWeights& w, const BlockMats& b, const PassInputs& in) const
{
    queriesKeysValues(w, b, in);
    attend(w, b, in);
    attentionResidual(w, b, in);
    gates(w, b, in);
    mlpResidual(w, b, in);
}

void Block::forwardCached(const BlockWeights& w, const BlockMats& b, const PassInputs& in, const CacheMats& cache) const
{
    // Keys and values are computed straight into their cache rows.
    BlockMats rows = b;
    rows.k = cache.keys.slice(cache.first, b.x.rows);
    rows.v = cache.values.slice(cache.first, b.x.rows);
    queriesKeysValues(w, rows, in);
    kernels::attentionCached(m_context, {rows.attn, rows.q, cache.keys, cache.values, cache.first, m_shape.headSize,
                                         m_shape.attentionScale(), m_shape.windowOf(w.layer)});
    attentionResidual(w, rows, in);
    gates(w, rows, in);
    mlpResidual(w, rows, in);
}

void Block::backwardLinear(const BlockWeights& w, Linear linear, const BlockMats& b, const BackwardMats& g, const PassInputs& in, const Mat& dx,
                           bool accumulate, const Mat& dy, const Mat& x) const
{
    linearBackward(m_context, w.at(linear), {dx, accumulate, dy, x, b.sOf(linear), g.dS, b.dropped, g.z}, in.dropout);
}

void Block::backwardMlp(const BlockWeights& w, const BlockMats& b, const BackwardMats& g, const PassInputs& in, Recompute level) const
{
    if (level >= Recompute::AttentionKept)
        gates(w, b, in);
    if (level >= Recompute::Cheap)
        kernels::swigluForward(m_context, {b.product, b.gate, b.up});
    if (level >= Recompute::AttentionKept)
        linearAdapterInput(m_context, w.at(Linear::Down), b.product, b.sOf(Linear::Down), b.dropped, in.dropout);
    if (level == Recompute::Cheap)
        kernels::rmsNormForward(m_context, {b.norm2, b.mid, w.normMid, m_shape.normEps});

    backwardLinear(w, Linear::Down, b, g, in, g.dProduct, false, branchGradient(g), b.product);
    kernels::swigluBackward(m_context, {b.gate, b.up, g.dProduct});
    backwardLinear(w, Linear::Gate, b, g, in, g.dNorm, false, b.gate, b.norm2);
    backwardLinear(w, Linear::Up, b, g, in, g.dNorm, true, b.up, b.norm2);
    kernels::rmsNormBackward(m_context, {.dx = g.dStream, .dy = g.dNorm, .x = b.mid, .gain = w.normMid, .dGain = w.dNormMid, .eps = m_shape.normEps, .accumulate = true});
}

void Block::backwardAttention(const BlockWeights& w, const BlockMats& b, const BackwardMats& g, const PassInputs& in, Recompute level, bool lowest) const
{
    if (level == Recompute::AttentionKept) {
        queriesKeysValues(w, b, in);
        linearAdapterInput(m_context, w.at(Linear::O), b.attn, b.sOf(Linear::O), b.dropped, in.dropout);
    } else if (level != Recompute::KeepAll) {
        kernels::rmsNormForward(m_context, {b.norm1, b.x, w.normIn, m_shape.normEps});
    }

    backwardLinear(w, Linear::O, b, g, in, g.dAttn, false, branchGradient(g), b.attn);
    kernels::attentionBackward(m_context, {.dq = g.dQ, .dk = g.dK, .dv = g.dV, .delta = g.attnDelta, .sum = g.attnSum, .dout = g.dAttn,
                                           .out = b.attn, .lse = b.lse, .q = b.q, .k = b.k, .v = b.v, .documents = in.documents,
                                           .headSize = m_shape.headSize, .scale = m_shape.attentionScale(), .window = m_shape.windowOf(w.layer),
                                           .maxDocument = in.longestDocument});
    if (m_shape.hasRope(w.layer)) {
        turn(g.dQ, in, true);
        turn(g.dK, in, true);
    }
    if (m_shape.qkNorm) {
        const auto backwardHeads = [&](const Mat& d, const Mat& pre, const Mat& gain, const Mat& dGain) {
            const std::int64_t rows = d.elements() / m_shape.headSize;
            const Mat perHead = d.reshaped(rows, m_shape.headSize);
            kernels::rmsNormBackward(m_context, {.dx = perHead, .dy = perHead, .x = pre.reshaped(rows, m_shape.headSize), .gain = gain, .dGain = dGain, .eps = m_shape.normEps});
        };
        backwardHeads(g.dQ, b.qPre, w.qNorm, w.dQNorm);
        backwardHeads(g.dK, b.kPre, w.kNorm, w.dKNorm);
    }
    const Mat dNorm = lowest ? Mat{} : g.dNorm;
    backwardLinear(w, Linear::Q, b, g, in, dNorm, false, g.dQ, b.norm1);
    backwardLinear(w, Linear::K, b, g, in, dNorm, true, g.dK, b.norm1);
    backwardLinear(w, Linear::V, b, g, in, dNorm, true, g.dV, b.norm1);
    if (!lowest)
        kernels::rmsNormBackward(m_context, {.dx = g.dStream, .dy = g.dNorm, .x = b.x, .gain = w.normIn, .dGain = w.dNormIn, .eps = m_shape.normEps, .accumulate = true});
}

void Block::backward(const BlockWeights& w, const BlockMats& b, const BackwardMats& g, const PassInputs& in, Recompute level, bool lowest) const
{
    if (level == Recompute::WholeBlock) {
        queriesKeysValues(w, b, in);
        attend(w, b, in);
        attentionResidual(w, b, in);
    }
    backwardMlp(w, b, g, in, level);
    backwardAttention(w, b, g, in, level, lowest);
}

}  // namespace lorikeet::model
