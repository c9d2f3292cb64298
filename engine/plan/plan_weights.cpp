// SPDX-License-Identifier: GPL-3.0-or-later
// Frozen weights, the rotary table, workspace of the kernels.
#include "engine/plan/builder.h"

#include <algorithm>

namespace lorikeet::plan {

namespace {

// Rows are converted to fp32 in blocks of about this size while loading.
constexpr std::int64_t kStagingElements = 1 << 20;
/// Codes and scales of one matrix.
void addQuantised(Builder& b, LinearWeights& entry, const std::string& name, LinearShape ls, int layer)
{
    const Layout& layout = b.plan.layout;
    const QuantizedSizes sizes = quantizedSizes(layout.quantization, layout.doubleQuantization, ls.out, ls.in);
    const auto add = [&](const char* part, std::string_view termName, DType dtype, std::int64_t count) {
        return b.add(name + part, Category::Weights, termName, dtype, {1, count}, b.whole(), layer);
    };
    entry.codes = add(".codes", term::kQuantised, DType::U8, sizes.codes);
    entry.scales = add(".scales", term::kScales, sizes.nested > 0 ? DType::U8 : DType::F32, sizes.absmax);
    if (sizes.nested == 0)
        return;
    entry.nestedScales = add(".nested_scales", term::kScales, DType::F32, sizes.nested);
    entry.nestedOffset = add(".nested_offset", term::kScales, DType::F32, 1);
}

/// Room for one dequantised matrix, and while loading for the scales that are quantised themselves.
void addQuantisedScratch(Builder& b)
{
    Layout& layout = b.plan.layout;
    std::int64_t largest = 0;
    for (const Linear linear : kLinears)
        largest = std::max(largest, shapeOf(linear, b.shape).in * shapeOf(linear, b.shape).out);
    const Lifetime load = b.phase(Phase::Load);
    layout.dequantised = b.add("weight.dequantised", Category::Buffers, term::kDequantise, layout.compute, {1, largest},
                               {load.last + 1, b.plan.program.last()});
    if (layout.quantization == Quantization::Nf4 && layout.doubleQuantization)
        layout.loadScales = b.add("load.scales", Category::Buffers, term::kStaging, DType::F32, {1, (largest + kNf4Block - 1) / kNf4Block}, load);
}

LayerWeights addLayer(Builder& b, int layer, const TrainedParameters& trained)
{
    const ModelShape& s = b.shape;
    const DType dtype = b.plan.layout.compute;
    const std::string prefix = "layer." + std::to_string(layer) + ".";
    const std::string_view line = b.plan.layout.quantization == Quantization::None ? term::kLayerWeights : term::kUnquantised;
    const auto weight = [&](const std::string& name, Dims dims) {
        return b.add(prefix + name, Category::Weights, line, dtype, dims, b.whole(), layer);
    };
    const auto gain = [&](ParamKind kind, const char* name, std::int64_t width) {
        return trained.has({kind, layer, Linear::Q}) ? kNone : weight(name, {1, width});
    };
    LayerWeights w;
    if (s.normAfter) {
        w.normIn = gain(ParamKind::NormAfterAttention, "post_attention_layernorm.weight", s.hidden);
        w.normMid = gain(ParamKind::NormAfterMlp, "post_feedforward_layernorm.weight", s.hidden);
    } else {
        w.normIn = gain(ParamKind::LayerNormIn, "input_layernorm.weight", s.hidden);
        if (s.normsPerLayer > 1)
            w.normMid = gain(ParamKind::LayerNormMid, "post_attention_layernorm.weight", s.hidden);
    }
    if (s.qkNorm) {
        w.qNorm = gain(ParamKind::QNorm, "q_norm.weight", s.qNormWidth());
        w.kNorm = gain(ParamKind::KNorm, "k_norm.weight", s.kNormWidth());
    }
    if (const std::int64_t others = otherNormParameters(s); others > 0)
        gain(ParamKind::LayerNormIn, "other_norms", others);
    for (const Linear linear : kLinears) {
        const LinearShape ls = shapeOf(linear, s);
        auto& entry = w.linears[static_cast<std::size_t>(linear)];
        const std::string name = nameOf(linear);
        if (b.plan.layout.quantization == Quantization::None)
            entry.weight = weight(name + ".weight", {ls.out, ls.in});
        else
            addQuantised(b, entry, prefix + name, ls, layer);
        if (hasBias(linear, s))
            entry.bias = weight(name + ".bias", {1, ls.out});
    }
    return w;
}

void addTables(Builder& b, const TrainedParameters& trained)
{
    const ModelShape& s = b.shape;
    Layout& layout = b.plan.layout;
    const bool embedding = !trained.has({ParamKind::Embedding, -1, Linear::Q});
    const bool head = s.tiedHead ? embedding : !trained.has({ParamKind::Head, -1, Linear::Q});
    const std::string_view line = embedding && head ? term::kTables : head ? term::kHeadTable : embedding ? term::kEmbeddingTable : term::kLastNorm;
    const auto table = [&](ParamKind kind, const char* name, std::int64_t rows) {
        return trained.has({kind, -1, Linear::Q}) ? kNone : b.add(name, Category::Weights, line, layout.compute, {rows, s.hidden}, b.whole());
    };
    layout.embedding = table(ParamKind::Embedding, "embed_tokens.weight", s.vocab);
    layout.finalNorm = table(ParamKind::FinalNorm, "norm.weight", 1);
    if (s.normBias)
        table(ParamKind::FinalNorm, "norm.bias", 1);
    layout.head = s.tiedHead ? layout.embedding : table(ParamKind::Head, "lm_head.weight", s.vocab);
}

}  // namespace

std::int64_t otherNormParameters(const ModelShape& s)
{
    const std::int64_t placed = std::min<std::int64_t>(s.normsPerLayer, 2) * s.hidden + (s.qkNorm ? s.qNormWidth() + s.kNormWidth() : 0);
    return std::max<std::int64_t>(0, static_cast<std::int64_t>(s.layerNormParameterCount()) - placed);
}

void addWeights(Builder& b, const TrainedParameters& trained)
{
    const ModelShape& s = b.shape;
    Layout& layout = b.plan.layout;
    layout.layers.resize(static_cast<std::size_t>(s.layers));
    layout.addedRows = s.addedRows;
    if (!trained.wholeModel) {
        addTables(b, trained);
        for (int layer = 0; layer < s.layers; ++layer)
            layout.layers[static_cast<std::size_t>(layer)] = addLayer(b, layer, trained);
        if (layout.quantization != Quantization::None)
            addQuantisedScratch(b);
    }
    layout.ropeTable = b.add("rope.table", Category::Buffers, term::kRope, DType::F32, {layout.context, s.headSize}, b.whole());
    const std::int64_t widest = std::max({s.hidden, s.mlp, s.queryWidth()});
    layout.staging = b.add("load.staging", Category::Buffers, term::kStaging, DType::F32, {std::max(kStagingElements, widest)},
                           b.phase(Phase::Load));
}

void addKernelScratch(Builder& b, const KernelCosts& costs)
{
    Layout& layout = b.plan.layout;
    const auto bytes = [](std::uint64_t n) { return Dims{static_cast<std::int64_t>(n)}; };
    if (costs.matmulScratchBytes > 0)
        layout.matmulScratch = b.add("matmul.scratch", Category::Buffers, term::kMatmul, DType::U8, bytes(costs.matmulScratchBytes), b.whole());
    if (costs.widenBytes > 0 && layout.compute == DType::BF16)
        layout.widen = b.add("widen.scratch", Category::Buffers, term::kWiden, DType::U8, bytes(costs.widenBytes), b.whole());
}

}  // namespace lorikeet::plan
