// SPDX-License-Identifier: GPL-3.0-or-later
// The decoder block: hand-written forward and backward in planned buffers. One block runs all families; ModelShape switches the
// quirks (biases, q/k norm, window, rotary positions, multipliers).
//
// x -> norm1 -> q k v -> (q/k norm) -> rope -> attention -> o -> + x = mid -> norm2 -> gate up -> silu(gate) up -> down -> + mid = y
// Where the norms come behind (ModelShape::normAfter) norm1 and norm2 hold what o and down gave: x -> q k v ... o -> norm -> + x = mid.
#pragma once

#include "engine/model/linear.h"
#include "engine/plan/layout.h"
#include "engine/spec/job.h"
#include "engine/spec/model_shape.h"

#include <array>

namespace lorikeet::model {

/// Parameters of one layer.
struct BlockWeights {
    Mat normIn;
    Mat normMid;
    Mat qNorm;
    Mat kNorm;
    Mat dNormIn;  ///< gradients of the gains, fp32, summed into; none: frozen
    Mat dNormMid;
    Mat dQNorm;
    Mat dKNorm;
    std::int64_t layer = 0;
    std::array<LinearView, 7> linears;

    [[nodiscard]] const LinearView& at(Linear linear) const { return linears[static_cast<std::size_t>(linear)]; }
};

/// Buffers of one layer cut to the N rows in use; the legend stands at plan::BlockBuffers.
struct BlockMats {
    Mat x, norm1, qPre, kPre, q, k, v, attn, lse, mid, norm2, gate, up, product, dropped, y;
    std::array<Mat, 7> s;

    [[nodiscard]] const Mat& sOf(Linear linear) const { return s[static_cast<std::size_t>(linear)]; }
};

/// Workspace of the backward pass; plan::BackwardScratch.
struct BackwardMats {
    Mat dStream, dNorm, dProduct, dAttn, dQ, dK, dV, dS, attnSum, attnDelta, z;
};

/// What all layers of a pass share.
struct PassInputs {
    Mat positions;  ///< [1, N] int32
    Mat documents;  ///< [1, D + 1] int32
    Mat ropeTable;  ///< [context, head size] fp32
    std::int64_t longestDocument = 0;
    DropoutKey dropout;
};

/// Keys and values of earlier tokens while generating; the block writes rows [first, first + N) and attends to all before.
struct CacheMats {
    Mat keys;
    Mat values;
    std::int64_t first = 0;
};

class Block {
public:
    Block(const ModelShape& shape, Context& context) : m_shape(shape), m_context(context) {}

    /// y from x. Fills every buffer of `b`.
    void forward(const BlockWeights& w, const BlockMats& b, const PassInputs& in) const;
    /// The same for generation: q, k, v of the new rows only, attention over the cache.
    void forwardCached(const BlockWeights& w, const BlockMats& b, const PassInputs& in, const CacheMats& cache) const;
    /// Turns g.dStream, the gradient of y, into the gradient of x, and sums adapter gradients. `level` says what of `b` still holds
    /// forward's values; the rest is made again. gate and up are overwritten. With `lowest` neither its first norm nor anything below
    /// is trained and the gradient of x is not computed.
    void backward(const BlockWeights& w, const BlockMats& b, const BackwardMats& g, const PassInputs& in, Recompute level, bool lowest) const;

private:
    void project(const BlockWeights& w, Linear linear, const Mat& y, const Mat& x, const BlockMats& b, const PassInputs& in) const;
    void queriesKeysValues(const BlockWeights& w, const BlockMats& b, const PassInputs& in) const;
    void attend(const BlockWeights& w, const BlockMats& b, const PassInputs& in) const;
    void attentionResidual(const BlockWeights& w, const BlockMats& b, const PassInputs& in) const;
    void gates(const BlockWeights& w, const BlockMats& b, const PassInputs& in) const;
    void mlpResidual(const BlockWeights& w, const BlockMats& b, const PassInputs& in) const;
    void backwardLinear(const BlockWeights& w, Linear linear, const BlockMats& b, const BackwardMats& g, const PassInputs& in, const Mat& dx,
                        bool accumulate, const Mat& dy, const Mat& x) const;
    void backwardMlp(const BlockWeights& w, const BlockMats& b, const BackwardMats& g, const PassInputs& in, Recompute level) const;
    void backwardAttention(const BlockWeights& w, const BlockMats& b, const BackwardMats& g, const PassInputs& in, Recompute level, bool lowest) const;
    /// y = stream + the scaled (and normed, with `before` for what is normed) output of the branch's last map.
    void addBranch(const BlockWeights& w, Linear last, const Mat& y, const Mat& x, const Mat& stream, const BlockMats& b, const PassInputs& in) const;
    [[nodiscard]] Mat branchGradient(const BlockWeights& w, Linear last, const BlockMats& b, const BackwardMats& g) const;
    void branchInputAgain(const BlockWeights& w, Linear last, const Mat& x, const BlockMats& b, const PassInputs& in) const;
    void normHeads(const Mat& y, const Mat& x, const Mat& gain) const;
    void turn(const Mat& x, const PassInputs& in, bool inverse) const;

    const ModelShape& m_shape;
    Context& m_context;
};

}  // namespace lorikeet::model
