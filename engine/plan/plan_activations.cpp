// SPDX-License-Identifier: GPL-3.0-or-later
// Buffers of the train, evaluate and sample phases: what a layer keeps by recompute level, and the scratch the phases share.
#include "engine/plan/block_maker.h"

#include <algorithm>
#include <array>

namespace lorikeet::plan {

namespace {

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
        BlockBuffers kept = keptAt(b.shape, layout.levels[static_cast<std::size_t>(layer)], slots[slot]);
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
