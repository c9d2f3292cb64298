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

/// RMSNorm over each head, or over all at once: the same rows seen as wide as the gain.
void Block::normHeads(const Mat& y, const Mat& x, const Mat& gain) const
{
    const std::int64_t rows = x.elements() / gain.cols;
    kernels::rmsNormForward(m_context, {y.reshaped(rows, gain.cols), x.reshaped(rows, gain.cols), gain, m_shape.normEps});
}

void Block::turn(const Mat& x, const PassInputs& in, bool inverse) const
{
    kernels::rope(m_context, {x, in.positions, in.ropeTable, m_shape.headSize, inverse});
}

void Block::queriesKeysValues(const BlockWeights& w, const BlockMats& b, const PassInputs& in) const
{
    const Mat& input = m_shape.normAfter ? b.x : b.norm1;
    if (!m_shape.normAfter)
        kernels::rmsNormForward(m_context, {b.norm1, b.x, w.normIn, m_shape.normEps});
    project(w, Linear::Q, m_shape.qkNorm ? b.qPre : b.q, input, b, in);
    project(w, Linear::K, m_shape.qkNorm ? b.kPre : b.k, input, b, in);
    project(w, Linear::V, b.v, input, b, in);
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

void Block::addBranch(const BlockWeights& w, Linear last, const Mat& y, const Mat& x, const Mat& stream, const BlockMats& b, const PassInputs& in) const
{
    if (m_shape.normAfter) {
        const Mat& before = last == Linear::O ? b.norm1 : b.norm2;
        project(w, last, before, x, b, in);
        kernels::rmsNormForward(m_context, {y, before, last == Linear::O ? w.normIn : w.normMid, m_shape.normEps});
    } else {
        project(w, last, y, x, b, in);
    }
    if (m_shape.residualScale != 1.0)
        kernels::convert(m_context, {y, y, m_shape.residualScale});
    kernels::add(m_context, {y, y, stream});
}

/// The gradient of what a branch's last map gave: that of the stream, or made in dNorm, which is written next.
Mat Block::branchGradient(const BlockWeights& w, Linear last, const BlockMats& b, const BackwardMats& g) const
{
    Mat d = g.dStream;
    if (m_shape.residualScale != 1.0) {
        kernels::convert(m_context, {g.dNorm, d, m_shape.residualScale});
        d = g.dNorm;
    }
    if (m_shape.normAfter) {
        const bool attention = last == Linear::O;
        kernels::rmsNormBackward(m_context, {.dx = g.dNorm, .dy = d, .x = attention ? b.norm1 : b.norm2, .gain = attention ? w.normIn : w.normMid,
                                             .dGain = attention ? w.dNormIn : w.dNormMid, .eps = m_shape.normEps});
        d = g.dNorm;
    }
    return d;
}

void Block::attentionResidual(const BlockWeights& w, const BlockMats& b, const PassInputs& in) const
{
    addBranch(w, Linear::O, b.mid, b.attn, b.x, b, in);
}

void Block::gates(const BlockWeights& w, const BlockMats& b, const PassInputs& in) const
{
    if (!m_shape.normAfter)
        kernels::rmsNormForward(m_context, {b.norm2, b.mid, w.normMid, m_shape.normEps});
    const Mat& input = m_shape.normAfter ? b.mid : b.norm2;
    project(w, Linear::Gate, b.gate, input, b, in);
    project(w, Linear::Up, b.up, input, b, in);
}

void Block::mlpResidual(const BlockWeights& w, const BlockMats& b, const PassInputs& in) const
{
    kernels::swigluForward(m_context, {b.product, b.gate, b.up});
    addBranch(w, Linear::Down, b.y, b.product, b.mid, b, in);
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

/// Of a branch's last map: the adapter's S again, and its output where the norm behind it needs that.
void Block::branchInputAgain(const BlockWeights& w, Linear last, const Mat& x, const BlockMats& b, const PassInputs& in) const
{
    if (m_shape.normAfter)
        project(w, last, last == Linear::O ? b.norm1 : b.norm2, x, b, in);
    else
        linearAdapterInput(m_context, w.at(last), x, b.sOf(last), b.dropped, in.dropout);
}

void Block::backwardMlp(const BlockWeights& w, const BlockMats& b, const BackwardMats& g, const PassInputs& in, Recompute level) const
{
    if (level >= Recompute::AttentionKept)
        gates(w, b, in);
    if (level >= Recompute::Cheap)
        kernels::swigluForward(m_context, {b.product, b.gate, b.up});
    if (level >= Recompute::AttentionKept)
        branchInputAgain(w, Linear::Down, b.product, b, in);
    if (level == Recompute::Cheap && !m_shape.normAfter)
        kernels::rmsNormForward(m_context, {b.norm2, b.mid, w.normMid, m_shape.normEps});

    backwardLinear(w, Linear::Down, b, g, in, g.dProduct, false, branchGradient(w, Linear::Down, b, g), b.product);
    kernels::swigluBackward(m_context, {b.gate, b.up, g.dProduct});
    if (m_shape.normAfter) {
        backwardLinear(w, Linear::Gate, b, g, in, g.dStream, true, b.gate, b.mid);
        backwardLinear(w, Linear::Up, b, g, in, g.dStream, true, b.up, b.mid);
        return;
    }
    backwardLinear(w, Linear::Gate, b, g, in, g.dNorm, false, b.gate, b.norm2);
    backwardLinear(w, Linear::Up, b, g, in, g.dNorm, true, b.up, b.norm2);
    kernels::rmsNormBackward(m_context, {.dx = g.dStream, .dy = g.dNorm, .x = b.mid, .gain = w.normMid, .dGain = w.dNormMid, .eps = m_shape.normEps, .accumulate = true});
}

void Block::backwardAttention(const BlockWeights& w, const BlockMats& b, const BackwardMats& g, const PassInputs& in, Recompute level, bool lowest) const
{
    if (level == Recompute::AttentionKept) {
        queriesKeysValues(w, b, in);
        branchInputAgain(w, Linear::O, b.attn, b, in);
    } else if (level != Recompute::KeepAll && !m_shape.normAfter) {
        kernels::rmsNormForward(m_context, {b.norm1, b.x, w.normIn, m_shape.normEps});
    }

    backwardLinear(w, Linear::O, b, g, in, g.dAttn, false, branchGradient(w, Linear::O, b, g), b.attn);
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
            const std::int64_t rows = d.elements() / gain.cols;
            const Mat perHead = d.reshaped(rows, gain.cols);
            kernels::rmsNormBackward(m_context, {.dx = perHead, .dy = perHead, .x = pre.reshaped(rows, gain.cols), .gain = gain, .dGain = dGain, .eps = m_shape.normEps});
        };
        backwardHeads(g.dQ, b.qPre, w.qNorm, w.dQNorm);
        backwardHeads(g.dK, b.kPre, w.kNorm, w.dKNorm);
    }
    const Mat& input = m_shape.normAfter ? b.x : b.norm1;
    const Mat dInput = lowest ? Mat{} : m_shape.normAfter ? g.dStream : g.dNorm;
    backwardLinear(w, Linear::Q, b, g, in, dInput, m_shape.normAfter, g.dQ, input);
    backwardLinear(w, Linear::K, b, g, in, dInput, true, g.dK, input);
    backwardLinear(w, Linear::V, b, g, in, dInput, true, g.dV, input);
    if (!lowest && !m_shape.normAfter)
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
