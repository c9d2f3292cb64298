// SPDX-License-Identifier: GPL-3.0-or-later
// The whole decoder in planned memory: embedding, blocks, head with loss, and the way back. Walks the program points of the plan in
// their order; between them it looks at the stop token.
//
// Legend: N rows in use (a multiple of 64, at most T), R supervised rows, V vocabulary.
#pragma once

#include "engine/data/micro_batch.h"
#include "engine/model/block.h"
#include "engine/model/offload.h"
#include "engine/model/planned_memory.h"

#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <vector>

namespace lorikeet::model {

/// What a training pass needs besides the documents.
struct TrainPass {
    double gradientScale = 1.0;  ///< 1 / supervised tokens of the global batch
    double dropout = 0.0;
    std::uint32_t seed = 0;
    std::uint32_t step = 0;
};

/// Looked at before an id becomes a row of the embedding. @throws Error{BadInput} naming the first id outside the vocabulary.
void requireKnownTokens(std::span<const std::int32_t> tokens, const ModelShape& shape);

class Decoder {
public:
    /// `memory` and `context` must outlive it. Resolves every buffer once.
    Decoder(const ModelShape& shape, PlannedMemory& memory, kernels::Context& context);

    /// Forward and backward of one micro-batch: adapter gradients are summed into Layout::gradient. Returns the sum of the losses of
    /// its supervised tokens. @throws Error{Cancelled} between program points.
    double trainMicroBatch(const data::MicroBatch& batch, const TrainPass& pass, const std::stop_token& stop);
    /// Forward only, without dropout: the sum of the losses.
    double evaluateMicroBatch(const data::MicroBatch& batch, const std::stop_token& stop);
    /// Logits of every position of one document in fp32; calls sink(firstRow, rows) with [count, V] fp32 pieces in order.
    void logits(std::span<const std::int32_t> tokens, const std::function<void(std::int64_t, std::span<const float>)>& sink,
                const std::stop_token& stop);

    /// Generation: puts `tokens` behind the `position` tokens already cached and returns the logits of the last one in fp32 [V].
    std::vector<float> extend(std::span<const std::int32_t> tokens, std::int64_t position, const std::stop_token& stop);

    /// DoRA: the norms that outputs are scaled by, from the adapter's working copy as it is now. To be called whenever that changed; does
    /// nothing without magnitudes.
    void refreshRowNorms();
    /// DoRA: refreshRowNorms(), and every magnitude becomes its norm: the maps compute what they would without magnitudes.
    void startMagnitudes();

    /// Frozen weights and adapter of a layer; for tests.
    [[nodiscard]] const BlockWeights& weights(std::int64_t layer) const { return m_layers[static_cast<std::size_t>(layer)]; }

private:
    struct Head {
        Mat x, norm, logits, dNorm, losses;
    };
    /// Host side of a micro-batch, with room for the largest: a step allocates nothing that grows with the job.
    struct HostRows {
        explicit HostRows(const plan::Layout& layout);
        std::vector<std::int32_t> tokens, positions, supervised, targets;
        std::vector<std::int64_t> samples;
        std::vector<double> losses;
        std::vector<float> floats;
    };
    PassInputs upload(const data::MicroBatch& batch, std::int64_t rows);
    /// x [N, H] = the rows of the embedding for the N tokens uploaded last.
    void embedTokens(const Mat& x);
    void scaleEmbedded(const Mat& x);
    [[nodiscard]] BlockMats blockMats(const plan::BlockBuffers& ids, std::int64_t rows);
    [[nodiscard]] BackwardMats backwardMats(std::int64_t rows);
    [[nodiscard]] Head headMats(const plan::HeadBuffers& ids, std::int64_t rows);
    void resolveFrozen();
    void resolveTrained();
    /// Where the view and the gradient of a trained parameter are kept.
    struct ParameterView {
        Mat* value;
        Mat* gradient;
    };
    [[nodiscard]] ParameterView viewOf(ParamId id);
    Mat forwardForTraining(const PassInputs& in, std::int64_t rows, const std::stop_token& stop);
    void backward(const PassInputs& in, std::int64_t rows, const std::stop_token& stop);
    Mat forwardForEvaluation(const PassInputs& in, std::int64_t rows, const std::stop_token& stop);
    /// Losses of the supervised rows in chunks; with `dStream` also their gradient, scattered into it.
    double loss(const plan::HeadBuffers& ids, const Mat& x, const data::MicroBatch& batch, double gradientScale, const Mat& dStream,
                const std::stop_token& stop);
    /// dHead += dLogits^T norm over the `count` rows of a chunk.
    void addHeadGradient(const Head& whole, std::int64_t count);
    /// `count` rounded up to whole grains, at most `most`: few sizes of products, because the library compiles code for each.
    [[nodiscard]] static std::int64_t grainRows(std::int64_t count, std::int64_t most);
    [[nodiscard]] std::int64_t usedRows(std::int64_t tokens) const { return grainRows(tokens, m_layout.slots); }

    const ModelShape& m_shape;
    PlannedMemory& m_memory;
    kernels::Context& m_context;
    const plan::Layout& m_layout;
    Block m_block;
    Offload m_offload;
    std::vector<BlockWeights> m_layers;
    Mat m_embedding;
    Mat m_finalNorm;
    Mat m_head;
    Mat m_dEmbedding;  ///< gradients, fp32; none: frozen
    Mat m_dFinalNorm;
    Mat m_dHead;
    Mat m_ropeTable;
    HostRows m_host;
};

}  // namespace lorikeet::model
