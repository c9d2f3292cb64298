// SPDX-License-Identifier: GPL-3.0-or-later
// Buffers that live for the whole run: frozen weights, the adapter's flat buffers, the rotary table, workspace of the kernels.
#include "engine/plan/builder.h"

#include <algorithm>

namespace lorikeet::plan {

namespace {

// Rows are converted to fp32 in blocks of about this size while loading.
constexpr std::int64_t kStagingElements = 1 << 20;
// Every adapter matrix starts on a cache line of the flat buffers.
constexpr std::int64_t kAdapterAlignment = 16;

std::int64_t alignedElements(std::int64_t count) { return (count + kAdapterAlignment - 1) / kAdapterAlignment * kAdapterAlignment; }

LayerWeights addLayer(Builder& b, int layer)
{
    const ModelShape& s = b.shape;
    const DType dtype = b.plan.layout.compute;
    const std::string prefix = "layer." + std::to_string(layer) + ".";
    const auto weight = [&](const std::string& name, std::vector<std::int64_t> dims) {
        return b.add(prefix + name, Category::Weights, term::kLayerWeights, dtype, std::move(dims), b.whole(), layer);
    };
    LayerWeights w;
    w.normIn = weight("input_layernorm.weight", {1, s.hidden});
    if (s.normsPerLayer > 1)
        w.normMid = weight("post_attention_layernorm.weight", {1, s.hidden});
    if (s.qkNorm) {
        w.qNorm = weight("q_norm.weight", {1, s.headSize});
        w.kNorm = weight("k_norm.weight", {1, s.headSize});
    }
    // Families that are only planned for have further norms, wider ones or biases: one buffer a layer.
    const std::int64_t placed = std::min<std::int64_t>(s.normsPerLayer, 2) * s.hidden + (s.qkNorm ? 2 * s.headSize : 0);
    if (const std::int64_t others = static_cast<std::int64_t>(s.layerNormParameterCount()) - placed; others > 0)
        weight("other_norms", {1, others});
    for (const Linear linear : kLinears) {
        const LinearShape ls = shapeOf(linear, s);
        auto& entry = w.linears[static_cast<std::size_t>(linear)];
        const std::string name = nameOf(linear);
        entry.weight = weight(name + ".weight", {ls.out, ls.in});
        if (hasBias(linear, s))
            entry.bias = weight(name + ".bias", {1, ls.out});
    }
    return w;
}

}  // namespace

void addWeights(Builder& b)
{
    const ModelShape& s = b.shape;
    Layout& layout = b.plan.layout;
    layout.embedding = b.add("embed_tokens.weight", Category::Weights, term::kTables, layout.compute, {s.vocab, s.hidden}, b.whole());
    layout.layers.reserve(static_cast<std::size_t>(s.layers));
    for (int layer = 0; layer < s.layers; ++layer)
        layout.layers.push_back(addLayer(b, layer));
    layout.finalNorm = b.add("norm.weight", Category::Weights, term::kTables, layout.compute, {1, s.hidden}, b.whole());
    if (s.normBias)
        b.add("norm.bias", Category::Weights, term::kTables, layout.compute, {1, s.hidden}, b.whole());
    layout.head = s.tiedHead ? layout.embedding
                             : b.add("lm_head.weight", Category::Weights, term::kTables, layout.compute, {s.vocab, s.hidden}, b.whole());
    layout.ropeTable = b.add("rope.table", Category::Buffers, term::kRope, DType::F32, {layout.context, s.headSize}, b.whole());
    const std::int64_t widest = std::max({s.hidden, s.mlp, s.queryWidth()});
    layout.staging = b.add("load.staging", Category::Buffers, term::kStaging, DType::F32, {std::max(kStagingElements, widest)},
                           b.phase(Phase::Load));
}

void addAdapters(Builder& b, std::vector<AdapterSlot> slots, bool training)
{
    Layout& layout = b.plan.layout;
    for (AdapterSlot& slot : slots) {
        const LinearShape ls = shapeOf(slot.linear, b.shape);
        slot.in = ls.in;
        slot.out = ls.out;
        slot.aOffset = layout.adapterElements;
        slot.bOffset = slot.aOffset + alignedElements(slot.rank * slot.in);
        layout.adapterElements = slot.bOffset + alignedElements(slot.rank * slot.out);
        layout.trainableParameters += slot.rank * (slot.in + slot.out);
        layout.layers[static_cast<std::size_t>(slot.layer)].adapters[static_cast<std::size_t>(slot.linear)]
            = static_cast<std::int32_t>(layout.adapters.size());
        layout.adapters.push_back(slot);
    }
    if (layout.adapters.empty())
        return;
    const std::vector<std::int64_t> flat{1, layout.adapterElements};
    const DType state = layout.compute == DType::F64 ? DType::F64 : DType::F32;
    layout.master = b.add("adapter.master", Category::Weights, term::kAdapter, state, flat, b.whole());
    layout.work = layout.compute == state
                    ? layout.master
                    : b.add("adapter.work", Category::Weights, term::kAdapterWork, layout.compute, flat, b.whole());
    if (!training)
        return;
    layout.gradient = b.add("adapter.gradient", Category::Gradients, term::kGradient, state, flat, b.whole());
    layout.moment1 = b.add("adapter.moment1", Category::Optimizer, term::kMoments, state, flat, b.whole());
    layout.moment2 = b.add("adapter.moment2", Category::Optimizer, term::kMoments, state, flat, b.whole());
}

void addKernelScratch(Builder& b, const KernelCosts& costs)
{
    Layout& layout = b.plan.layout;
    const auto bytes = [](std::uint64_t n) { return std::vector<std::int64_t>{static_cast<std::int64_t>(n)}; };
    if (costs.matmulScratchBytes > 0)
        layout.matmulScratch = b.add("matmul.scratch", Category::Buffers, term::kMatmul, DType::U8, bytes(costs.matmulScratchBytes), b.whole());
    if (costs.widenBytes > 0 && layout.compute == DType::BF16)
        layout.widen = b.add("widen.scratch", Category::Buffers, term::kWiden, DType::U8, bytes(costs.widenBytes), b.whole());
}

}  // namespace lorikeet::plan
