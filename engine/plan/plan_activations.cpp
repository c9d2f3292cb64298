// SPDX-License-Identifier: GPL-3.0-or-later
// Buffers of the train, evaluate and sample phases: what a layer keeps by recompute level, and the scratch the phases share.
#include "engine/plan/builder.h"

#include <algorithm>

namespace lorikeet::plan {

namespace {

/// Adds the buffers of one block with `rows` rows; which of them is decided by the caller through `wanted`.
class BlockMaker {
public:
    BlockMaker(Builder& builder, std::string prefix, Category category, std::string_view termName, std::int64_t rowCount, Lifetime life,
               int layer = -1)
        : b(builder), m_prefix(std::move(prefix)), m_category(category), m_term(termName), m_rows(rowCount), m_life(life), m_layer(layer)
    {
    }

    BufferId make(const char* name, std::int64_t width, DType dtype) const
    {
        return b.add(m_prefix + name, m_category, m_term, dtype, {m_rows, width}, m_life, m_layer);
    }
    BufferId make(const char* name, std::int64_t width) const { return make(name, width, b.plan.layout.compute); }

    /// q, k, v; with `cached` k and v are written straight into the cache.
    void attentionInputs(BlockBuffers& block, bool cached) const
    {
        const ModelShape& s = b.shape;
        if (s.qkNorm) {
            block.qPre = make("q_pre", s.queryWidth());
            block.kPre = make("k_pre", s.kvWidth());
        }
        block.q = make("q", s.queryWidth());
        if (cached)
            return;
        block.k = make("k", s.kvWidth());
        block.v = make("v", s.kvWidth());
    }
    void attentionOutputs(BlockBuffers& block, bool logSumExp) const
    {
        block.attn = make("attention", b.shape.queryWidth());
        if (!logSumExp)
            return;
        // The reference path of the tests runs in fp64 throughout.
        block.lse = make("lse", b.shape.heads, b.plan.layout.compute == DType::F64 ? DType::F64 : DType::F32);
    }
    void gates(BlockBuffers& block) const
    {
        block.gate = make("gate", b.shape.mlp);
        block.up = make("up", b.shape.mlp);
    }
    /// S of every adapted map: of `layer`, or with layer -1 one of the largest rank of all layers.
    void adapterInputs(BlockBuffers& block, int layer) const
    {
        for (const Linear linear : kLinears) {
            const std::vector<AdapterSlot>& slots = b.plan.layout.trained.adapters;
            std::int64_t rank = 0;
            if (layer >= 0) {
                const std::int32_t own = b.plan.layout.layers[static_cast<std::size_t>(layer)].adapters[static_cast<std::size_t>(linear)];
                rank = own < 0 ? 0 : slots[static_cast<std::size_t>(own)].rank;
            } else {
                for (const AdapterSlot& slot : slots)
                    if (slot.linear == linear)
                        rank = std::max(rank, slot.rank);
            }
            if (rank > 0)
                block.loraS[static_cast<std::size_t>(linear)]
                    = make((std::string("lora_s.") + nameOf(linear)).c_str(), rank);
        }
    }

private:
    Builder& b;
    std::string m_prefix;
    Category m_category;
    std::string_view m_term;
    std::int64_t m_rows;
    Lifetime m_life;
    int m_layer;
};

/// What a shared scratch block must offer besides what its layers keep themselves.
struct ScratchNeeds {
    Recompute level = Recompute::WholeBlock;  ///< the highest level of the layers that use it
    bool logSumExp = true;                    ///< attention statistics, needed where a backward pass follows
    bool dropout = false;
    bool cached = false;  ///< keys and values have a cache of their own
};

/// The buffers of a block (but x and y) that a layer of level `needs.level` does not keep.
BlockBuffers addScratchBlock(Builder& b, const std::string& prefix, std::string_view termName, std::int64_t rows, Lifetime life,
                             const ScratchNeeds& needs)
{
    const BlockMaker maker(b, prefix, Category::Buffers, termName, rows, life);
    BlockBuffers block;
    if (needs.level >= Recompute::Cheap) {
        block.norm1 = maker.make("norm", b.shape.hidden);
        block.norm2 = block.norm1;  // the two norms are never needed at once
        block.product = maker.make("product", b.shape.mlp);
    }
    if (needs.level >= Recompute::AttentionKept) {
        maker.attentionInputs(block, needs.cached);
        maker.gates(block);
        maker.adapterInputs(block, -1);
    }
    if (needs.level >= Recompute::WholeBlock) {
        maker.attentionOutputs(block, needs.logSumExp);
        block.mid = maker.make("mid", b.shape.hidden);
    }
    if (needs.dropout)
        block.dropped = maker.make("dropped", std::max({b.shape.hidden, b.shape.mlp, b.shape.queryWidth()}));
    return block;
}

/// Overwrites in `target` what the level keeps, with buffers that live from the layer's forward to its backward.
void addKept(Builder& b, BlockBuffers& target, Recompute level, int layer, Lifetime life)
{
    const BlockMaker maker(b, "layer." + std::to_string(layer) + ".", Category::Activations, term::kKept, b.plan.layout.slots, life, layer);
    if (level == Recompute::WholeBlock)
        return;
    maker.attentionOutputs(target, true);
    target.mid = maker.make("mid", b.shape.hidden);
    if (level == Recompute::AttentionKept)
        return;
    maker.attentionInputs(target, false);
    maker.gates(target);
    for (auto& id : target.loraS)
        id = kNone;
    maker.adapterInputs(target, layer);
    if (level == Recompute::Cheap)
        return;
    target.norm1 = maker.make("norm1", b.shape.hidden);
    target.norm2 = maker.make("norm2", b.shape.hidden);
    target.product = maker.make("product", b.shape.mlp);
}

/// Ids of `kept` win over those of `scratch` where both exist.
BlockBuffers merged(const BlockBuffers& kept, BlockBuffers scratch)
{
    const auto take = [](BufferId& into, BufferId from) {
        if (from != kNone)
            into = from;
    };
    take(scratch.norm1, kept.norm1);
    take(scratch.qPre, kept.qPre);
    take(scratch.kPre, kept.kPre);
    take(scratch.q, kept.q);
    take(scratch.k, kept.k);
    take(scratch.v, kept.v);
    take(scratch.attn, kept.attn);
    take(scratch.lse, kept.lse);
    take(scratch.mid, kept.mid);
    take(scratch.norm2, kept.norm2);
    take(scratch.gate, kept.gate);
    take(scratch.up, kept.up);
    take(scratch.product, kept.product);
    for (std::size_t i = 0; i < kLinears.size(); ++i)
        take(scratch.loraS[i], kept.loraS[i]);
    return scratch;
}

void addBatch(Builder& b, Lifetime life)
{
    Layout& layout = b.plan.layout;
    const auto row = [&](const char* name, DType dtype, std::int64_t count) {
        return b.add(std::string("batch.") + name, Category::Buffers, term::kBatch, dtype, {1, count}, life);
    };
    layout.batch.tokens = row("tokens", DType::I32, layout.slots);
    layout.batch.targets = row("targets", DType::I32, layout.slots);
    layout.batch.rows = row("rows", DType::I32, layout.slots);
    layout.batch.positions = row("positions", DType::I32, layout.slots);
    layout.batch.documents = row("documents", DType::I32, layout.slots + 1);
    layout.batch.sampleIds = row("samples", DType::I64, layout.slots);
}

HeadBuffers addHead(Builder& b, const std::string& prefix, std::string_view termName, Lifetime life, bool gradient)
{
    const Layout& layout = b.plan.layout;
    const BlockMaker maker(b, prefix, Category::Buffers, termName, layout.lossChunk, life);
    HeadBuffers head;
    head.x = maker.make("x", b.shape.hidden);
    head.norm = maker.make("norm", b.shape.hidden);
    head.logits = maker.make("logits", b.shape.vocab);
    if (gradient)
        head.dNorm = maker.make("d_norm", b.shape.hidden);
    head.losses = b.add(prefix + "losses", Category::Buffers, termName, layout.compute == DType::F64 ? DType::F64 : DType::F32,
                        {1, layout.lossChunk}, life);
    return head;
}

void addBackwardScratch(Builder& b, Lifetime head, Lifetime life, bool attentionWorkspace)
{
    Layout& layout = b.plan.layout;
    const ModelShape& s = b.shape;
    BackwardScratch& scratch = layout.scratch;
    scratch.dStream = b.add("backward.stream", Category::Buffers, term::kBackwardScratch, layout.compute, {layout.slots, s.hidden},
                            {head.first, life.last});
    const BlockMaker maker(b, "backward.", Category::Buffers, term::kBackwardScratch, layout.slots, life);
    scratch.dNorm = maker.make("d_norm", s.hidden);
    scratch.dProduct = maker.make("d_product", s.mlp);
    scratch.dAttn = maker.make("d_attention", s.queryWidth());
    scratch.dQ = maker.make("d_q", s.queryWidth());
    scratch.dK = maker.make("d_k", s.kvWidth());
    scratch.dV = maker.make("d_v", s.kvWidth());
    scratch.attnDelta = maker.make("delta", s.heads, layout.compute == DType::F64 ? DType::F64 : DType::F32);
    if (attentionWorkspace && layout.compute == DType::BF16)
        scratch.attnSum = maker.make("d_q_sum", s.queryWidth(), DType::F32);
    std::int64_t rank = 0;
    for (const AdapterSlot& slot : layout.trained.adapters)
        rank = std::max(rank, slot.rank);
    if (rank > 0)
        scratch.dS = maker.make("d_s", rank);
}

}  // namespace

void addTraining(Builder& b, const std::vector<Recompute>& levels, bool dropout, bool attentionWorkspace)
{
    Layout& layout = b.plan.layout;
    const Program& program = b.plan.program;
    const auto layers = static_cast<int>(b.shape.layers);
    const auto at = [&](PointKind kind, int layer = -1) { return program.at(Phase::Train, kind, layer); };
    // forward(l) = forward(0) + l and backward(l) = backward(0) - l: one search each instead of one per layer.
    const PointIndex forward0 = at(PointKind::Forward, 0);
    const PointIndex backward0 = at(PointKind::Backward, 0);
    const Lifetime forwardLife{forward0, forward0 + layers - 1};
    const Lifetime backwardLife{backward0 - layers + 1, backward0};
    const Lifetime headLife{at(PointKind::Head), at(PointKind::Head)};

    layout.levels = levels;
    // Evaluation fills the same few index rows; they come from the host, so that their life costs little.
    addBatch(b, {at(PointKind::Batch), b.phase(Phase::Evaluate).last});
    const ScratchNeeds needs{*std::max_element(levels.begin(), levels.end()), true, dropout};
    const BlockBuffers forwardScratch = addScratchBlock(b, "forward.", term::kBlockScratch, layout.slots, forwardLife, needs);
    const BlockBuffers backwardScratch = addScratchBlock(b, "backward.", term::kBackwardScratch, layout.slots, backwardLife, needs);
    for (int layer = 0; layer < layers; ++layer) {
        const Lifetime life{forward0 + layer, backward0 - layer};
        BlockBuffers kept;
        addKept(b, kept, levels[static_cast<std::size_t>(layer)], layer, life);
        layout.forward.push_back(merged(kept, forwardScratch));
        layout.backward.push_back(merged(kept, backwardScratch));
    }
    // x of layer l is written by layer l - 1 (or the embedding) and read last by its own backward; the last one by the head.
    for (int layer = 0; layer <= layers; ++layer) {
        const Lifetime life{layer == 0 ? at(PointKind::Embed) : forward0 + layer - 1, layer == layers ? headLife.last : backward0 - layer};
        const BufferId x = b.add("layer." + std::to_string(layer) + ".x", Category::Activations, term::kStream, layout.compute,
                                 {layout.slots, b.shape.hidden}, life, layer);
        if (layer < layers)
            layout.forward[static_cast<std::size_t>(layer)].x = layout.backward[static_cast<std::size_t>(layer)].x = x;
        if (layer > 0)
            layout.forward[static_cast<std::size_t>(layer) - 1].y = x;
    }
    layout.trainHead = addHead(b, "head.", term::kLossChunk, headLife, true);
    addBackwardScratch(b, headLife, backwardLife, attentionWorkspace);
}

void addEvaluation(Builder& b)
{
    Layout& layout = b.plan.layout;
    const Lifetime life = b.phase(Phase::Evaluate);
    const BlockMaker maker(b, "evaluate.", Category::Buffers, term::kEvaluate, layout.slots, life);
    if (layout.batch.tokens == kNone)
        addBatch(b, life);
    layout.evaluate = addScratchBlock(b, "evaluate.", term::kEvaluate, layout.slots, life, {Recompute::WholeBlock, false, false});
    layout.evaluate.x = maker.make("x", b.shape.hidden);
    layout.evaluate.y = maker.make("y", b.shape.hidden);
    layout.evaluateHead = addHead(b, "evaluate.head.", term::kEvaluate, life, false);
}

void addSampling(Builder& b)
{
    Layout& layout = b.plan.layout;
    const ModelShape& s = b.shape;
    const Lifetime life = b.phase(Phase::Sample);
    const BlockMaker rows(b, "sample.", Category::Buffers, term::kSample, layout.prefillRows, life);
    SampleBuffers& sample = layout.sample;
    for (int layer = 0; layer < s.layers; ++layer) {
        const BlockMaker cache(b, "sample.layer." + std::to_string(layer) + ".", Category::Buffers, term::kSample, layout.sampleContext, life, layer);
        sample.keys.push_back(cache.make("keys", s.kvWidth()));
        sample.values.push_back(cache.make("values", s.kvWidth()));
    }
    sample.block = addScratchBlock(b, "sample.", term::kSample, layout.prefillRows, life, {Recompute::WholeBlock, false, false, true});
    sample.block.x = rows.make("x", s.hidden);
    sample.block.y = rows.make("y", s.hidden);
    const auto vector = [&](const char* name, DType dtype, std::int64_t count) {
        return b.add(std::string("sample.") + name, Category::Buffers, term::kSample, dtype, {1, count}, life);
    };
    sample.norm = vector("norm", layout.compute, s.hidden);
    sample.logits = vector("logits", layout.compute, s.vocab);
    sample.tokens = vector("tokens", DType::I32, layout.prefillRows);
    sample.positions = vector("positions", DType::I32, layout.prefillRows);
}

}  // namespace lorikeet::plan
