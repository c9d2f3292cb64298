// SPDX-License-Identifier: GPL-3.0-or-later
// Buffers of the train, evaluate and sample phases: what a layer keeps by recompute level, and the scratch the phases share.
#include "engine/plan/builder.h"

#include <algorithm>
#include <array>
#include <functional>

namespace lorikeet::plan {

namespace {

/// Some of the layers.
using LayerSet = std::function<bool(int)>;

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
    /// S of every adapted map: of `layer`, or with layer -1 of the largest rank among the layers that share it.
    void adapterInputs(BlockBuffers& block, int layer, const LayerSet& sharers) const
    {
        for (const Linear linear : kLinears) {
            const std::vector<AdapterSlot>& slots = b.plan.layout.trained.adapters;
            std::int64_t rank = 0;
            if (layer >= 0) {
                const std::int32_t own = b.plan.layout.layers[static_cast<std::size_t>(layer)].adapters[static_cast<std::size_t>(linear)];
                rank = own < 0 ? 0 : slots[static_cast<std::size_t>(own)].rank;
            } else {
                for (const AdapterSlot& slot : slots)
                    if (slot.linear == linear && sharers(slot.layer))
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
    LayerSet sharers = [](int) { return true; };  ///< the layers whose S lie in it
};

/// The widest input of an adapted map: that of dropout.
std::int64_t widestAdapterInput(const Trained& trained)
{
    std::int64_t widest = 0;
    for (const AdapterSlot& slot : trained.adapters)
        widest = std::max(widest, slot.in);
    return widest;
}

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
        maker.adapterInputs(block, -1, needs.sharers);
    }
    if (needs.level >= Recompute::WholeBlock) {
        maker.attentionOutputs(block, needs.logSumExp);
        block.mid = maker.make("mid", b.shape.hidden);
    }
    if (needs.dropout)
        block.dropped = maker.make("dropped", widestAdapterInput(b.plan.layout.trained));
    return block;
}

/// Makes in `target` what the level keeps; with layer -1 for the largest adapter of the layers that share it.
void addKept(Builder& b, BlockBuffers& target, Recompute level, const std::string& prefix, std::string_view termName, int layer, Lifetime life,
             const LayerSet& sharers = {})
{
    const BlockMaker maker(b, prefix, Category::Activations, termName, b.plan.layout.slots, life, layer);
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
    maker.adapterInputs(target, layer, sharers);
    if (level == Recompute::Cheap)
        return;
    target.norm1 = maker.make("norm1", b.shape.hidden);
    target.norm2 = maker.make("norm2", b.shape.hidden);
    target.product = maker.make("product", b.shape.mlp);
}

/// The parts of a slot that a layer of `level` keeps.
BlockBuffers keptAt(Recompute level, const BlockBuffers& slot)
{
    BlockBuffers kept;
    if (level == Recompute::WholeBlock)
        return kept;
    kept.attn = slot.attn;
    kept.lse = slot.lse;
    kept.mid = slot.mid;
    if (level == Recompute::AttentionKept)
        return kept;
    kept.qPre = slot.qPre;
    kept.kPre = slot.kPre;
    kept.q = slot.q;
    kept.k = slot.k;
    kept.v = slot.v;
    kept.gate = slot.gate;
    kept.up = slot.up;
    kept.loraS = slot.loraS;
    if (level == Recompute::Cheap)
        return kept;
    kept.norm1 = slot.norm1;
    kept.norm2 = slot.norm2;
    kept.product = slot.product;
    return kept;
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
    std::int64_t widest = 0;
    for (const AdapterSlot& slot : layout.trained.adapters)
        widest = std::max(widest, slot.dora ? slot.out : 0);
    if (widest > 0)
        scratch.z = maker.make("z", widest);
}

}  // namespace

namespace {

/// Points of the train phase that lifetimes are made of.
struct TrainPoints {
    explicit TrainPoints(const Builder& b)
        : layers(static_cast<int>(b.shape.layers)), embed(at(b, PointKind::Embed)), forward0(at(b, PointKind::Forward, 0)), head(at(b, PointKind::Head)),
          backward0(at(b, PointKind::Backward, 0))
    {
    }
    // forward(l) = forward0 + l and backward(l) = backward0 - l: one search each instead of one per layer.
    [[nodiscard]] Lifetime forward() const { return {forward0, forward0 + layers - 1}; }
    [[nodiscard]] Lifetime backward() const { return {backward0 - layers + 1, backward0}; }
    [[nodiscard]] Lifetime kept(int layer) const { return {forward0 + layer, backward0 - layer}; }
    /// x of layer l is written by layer l - 1 (or the embedding) and read last by its own backward; the last one by the head.
    [[nodiscard]] Lifetime stream(int layer) const { return {layer == 0 ? embed : forward0 + layer - 1, layer == layers ? head : backward0 - layer}; }

    int layers;
    PointIndex embed;
    PointIndex forward0;
    PointIndex head;
    PointIndex backward0;

private:
    static PointIndex at(const Builder& b, PointKind kind, int layer = -1) { return b.plan.program.at(Phase::Train, kind, layer); }
};

/// Every layer has buffers of its own for what it keeps.
void addKeptOnDevice(Builder& b, const TrainPoints& points, const BlockBuffers& forwardScratch, const BlockBuffers& backwardScratch)
{
    Layout& layout = b.plan.layout;
    for (int layer = 0; layer < points.layers; ++layer) {
        BlockBuffers kept;
        addKept(b, kept, layout.levels[static_cast<std::size_t>(layer)], "layer." + std::to_string(layer) + ".", term::kKept, layer, points.kept(layer));
        layout.forward.push_back(merged(kept, forwardScratch));
        layout.backward.push_back(merged(kept, backwardScratch));
    }
    for (int layer = 0; layer <= points.layers; ++layer) {
        const BufferId x = b.add("layer." + std::to_string(layer) + ".x", Category::Activations, term::kStream, layout.compute,
                                 {layout.slots, b.shape.hidden}, points.stream(layer), layer);
        if (layer < points.layers)
            layout.forward[static_cast<std::size_t>(layer)].x = layout.backward[static_cast<std::size_t>(layer)].x = x;
        if (layer > 0)
            layout.forward[static_cast<std::size_t>(layer) - 1].y = x;
    }
}

/// Two slots on the device take turns, and three for the layers' inputs: a layer writes the next one's while the one before is still on its
/// way out. The last two layers stay where they are: backward begins with them. Every other layer has its twin on the host.
void addKeptOnHost(Builder& b, const TrainPoints& points, const BlockBuffers& forwardScratch, const BlockBuffers& backwardScratch)
{
    Layout& layout = b.plan.layout;
    const Lifetime life{points.embed, points.backward0};
    std::array<BlockBuffers, 2> slots;
    for (std::size_t s = 0; s < slots.size(); ++s) {
        const std::string prefix = "slot." + std::to_string(s) + ".";
        Recompute lowest = Recompute::WholeBlock;
        for (std::size_t layer = s; layer < layout.levels.size(); layer += slots.size())
            lowest = std::min(lowest, layout.levels[layer]);
        addKept(b, slots[s], lowest, prefix, term::kKeptSlots, -1, life, [&](int layer) {
            const auto index = static_cast<std::size_t>(layer);
            return index % slots.size() == s && layout.levels[index] <= Recompute::Cheap;
        });
    }
    std::array<BufferId, 3> inputs{kNone, kNone, kNone};
    for (std::size_t s = 0; s < std::min(inputs.size(), static_cast<std::size_t>(points.layers) + 1); ++s)
        inputs[s] = b.add("slot." + std::to_string(s) + ".x", Category::Activations, term::kKeptSlots, layout.compute, {layout.slots, b.shape.hidden}, life);
    for (int layer = 0; layer < points.layers; ++layer) {
        const auto slot = static_cast<std::size_t>(layer) % slots.size();
        BlockBuffers kept = keptAt(layout.levels[static_cast<std::size_t>(layer)], slots[slot]);
        for (const Linear linear : kLinears)
            if (layout.layers[static_cast<std::size_t>(layer)].adapters[static_cast<std::size_t>(linear)] < 0)
                kept.loraS[static_cast<std::size_t>(linear)] = kNone;
        layout.forward.push_back(merged(kept, forwardScratch));
        layout.backward.push_back(merged(kept, backwardScratch));
        const auto input = static_cast<std::size_t>(layer);
        layout.forward.back().x = layout.backward.back().x = kept.x = inputs[input % inputs.size()];
        layout.forward.back().y = inputs[(input + 1) % inputs.size()];
        layout.hostKept.push_back(layer + 2 < points.layers ? hostTwin(b, kept, layer, points.kept(layer)) : BlockBuffers{});
    }
}

}  // namespace

void addTraining(Builder& b, const TrainingPlan& training)
{
    Layout& layout = b.plan.layout;
    const TrainPoints points(b);
    const Lifetime headLife{points.head, points.head};
    layout.levels = training.levels;
    // Evaluation fills the same few index rows; they come from the host, so that their life costs little.
    addBatch(b, {b.phase(Phase::Train).first, b.phase(Phase::Evaluate).last});
    const ScratchNeeds needs{*std::ranges::max_element(training.levels), true, training.dropout, false,
                             [&](int layer) { return training.levels[static_cast<std::size_t>(layer)] >= Recompute::AttentionKept; }};
    const BlockBuffers forwardScratch = addScratchBlock(b, "forward.", term::kBlockScratch, layout.slots, points.forward(), needs);
    const BlockBuffers backwardScratch = addScratchBlock(b, "backward.", term::kBackwardScratch, layout.slots, points.backward(), needs);
    if (training.offloadKept)
        addKeptOnHost(b, points, forwardScratch, backwardScratch);
    else
        addKeptOnDevice(b, points, forwardScratch, backwardScratch);
    layout.trainHead = addHead(b, "head.", term::kLossChunk, headLife, true);
    addBackwardScratch(b, headLife, points.backward(), training.attentionWorkspace);
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
