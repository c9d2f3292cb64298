// SPDX-License-Identifier: GPL-3.0-or-later
// The flat buffers of what is trained: places of every parameter, masters, working copies, gradients, optimizer state.
#include "engine/plan/builder.h"

#include "engine/base/check.h"

#include <algorithm>

namespace lorikeet::plan {

namespace {

// Every parameter starts on a cache line of the flat buffers; with an 8-bit optimizer at a block of its own.
constexpr std::int64_t kAlignment = 16;
constexpr std::int64_t kStateBlock = 256;

/// Hands out places in the flat buffers and notes which neighbours the optimizer treats alike.
class Places {
public:
    Places(Trained& trained, std::int64_t alignment) : m_trained(trained), m_alignment(alignment) {}

    std::int64_t take(std::int64_t count, bool isB, bool decays)
    {
        const std::int64_t offset = m_trained.elements;
        const std::int64_t padded = (count + m_alignment - 1) / m_alignment * m_alignment;
        m_trained.elements += padded;
        m_trained.parameterCount += count;
        std::vector<OptimizerRange>& ranges = m_trained.ranges;
        if (ranges.empty() || ranges.back().isB != isB || ranges.back().decays != decays)
            ranges.push_back({offset, 0, isB, decays});
        ranges.back().count += padded;
        return offset;
    }

private:
    Trained& m_trained;
    std::int64_t m_alignment;
};

/// All A, then all B and all magnitudes: two ranges for LoRA+, which has one-dimensional parameters learn as B does
/// (peft/optimizers/loraplus.py). Magnitudes decay: they are neither biases nor norms to transformers.
void placeAdapters(Builder& b, Places& places, std::vector<AdapterSlot> slots)
{
    Layout& layout = b.plan.layout;
    for (AdapterSlot& slot : slots) {
        const LinearShape ls = shapeOf(slot.linear, b.shape);
        slot.in = ls.in;
        slot.out = ls.out;
        slot.aOffset = places.take(slot.rank * slot.in, false, true);
    }
    for (AdapterSlot& slot : slots) {
        slot.bOffset = places.take(slot.rank * slot.out, true, true);
        layout.layers[static_cast<std::size_t>(slot.layer)].adapters[static_cast<std::size_t>(slot.linear)]
            = static_cast<std::int32_t>(layout.trained.adapters.size());
        layout.trained.adapters.push_back(slot);
    }
    for (AdapterSlot& slot : layout.trained.adapters)
        if (slot.dora)
            slot.mOffset = places.take(slot.out, true, true);
}

/// Norms of the rows of W + s B A, and the block of rows that they are made from.
void addRowNorms(Builder& b)
{
    Layout& layout = b.plan.layout;
    std::int64_t norms = 0;
    std::int64_t block = 0;
    for (AdapterSlot& slot : layout.trained.adapters) {
        if (!slot.dora)
            continue;
        slot.normOffset = norms;
        norms += slot.out;
        block = std::max(block, std::min(kNormRows, slot.out) * slot.in);
    }
    if (norms == 0)
        return;
    const DType type = layout.compute == DType::F64 ? DType::F64 : DType::F32;
    layout.rowNorms = b.add("dora.norms", Category::Buffers, term::kRowNorms, type, {1, norms}, b.whole());
    layout.normBlock = b.add("dora.block", Category::Buffers, term::kNormBlock, type, {1, block}, b.whole());
}

/// Parameters of the model: matrices first, then what does not decay.
void placeModel(Builder& b, Places& places, const TrainedParameters& trained)
{
    const ModelShape& s = b.shape;
    std::vector<ParameterSlot>& slots = b.plan.layout.trained.parameters;
    const auto place = [&](ParamKind kind, std::int64_t rows, std::int64_t cols, int layer = -1, Linear linear = Linear::Q) {
        if (!trained.has({kind, layer, linear}))
            return;
        const bool decays = kind == ParamKind::Embedding || kind == ParamKind::Head || kind == ParamKind::LinearWeight;
        slots.push_back({{kind, layer, linear}, rows, cols, places.take(rows * cols, false, decays)});
    };
    const auto layers = static_cast<int>(s.layers);
    place(ParamKind::Embedding, s.vocab, s.hidden);
    if (!s.tiedHead)
        place(ParamKind::Head, s.vocab, s.hidden);
    for (int layer = 0; layer < layers; ++layer)
        for (const Linear linear : kLinears)
            place(ParamKind::LinearWeight, shapeOf(linear, s).out, shapeOf(linear, s).in, layer, linear);
    place(ParamKind::FinalNorm, 1, s.hidden);
    if (s.normBias && trained.has({ParamKind::FinalNorm, -1, Linear::Q}))
        places.take(s.hidden, false, false);
    for (int layer = 0; layer < layers; ++layer) {
        place(s.normAfter ? ParamKind::NormAfterAttention : ParamKind::LayerNormIn, 1, s.hidden, layer);
        if (s.normsPerLayer > 1)
            place(s.normAfter ? ParamKind::NormAfterMlp : ParamKind::LayerNormMid, 1, s.hidden, layer);
        if (s.qkNorm) {
            place(ParamKind::QNorm, 1, s.qNormWidth(), layer);
            place(ParamKind::KNorm, 1, s.kNormWidth(), layer);
        }
        // What families have that are only planned for.
        if (const std::int64_t others = otherNormParameters(s); others > 0 && trained.has({ParamKind::LayerNormIn, layer, Linear::Q}))
            places.take(others, false, false);
        for (const Linear linear : kLinears)
            if (hasBias(linear, s))
                place(ParamKind::LinearBias, 1, shapeOf(linear, s).out, layer, linear);
    }
}

/// Names of the flat buffers and their lines in the budget.
struct FlatTerms {
    std::string prefix;
    std::string_view work;     ///< the copy in the type of the products
    std::string_view masters;  ///< beside such a copy
    std::string_view only;     ///< without one
    std::string_view gradient;
};
const FlatTerms kAdapterTerms{"adapter.", term::kAdapterWork, term::kAdapter, term::kAdapter, term::kGradient};
const FlatTerms kModelTerms{"model.", term::kModel, term::kMasters, term::kModel, term::kModelGradient};
const FlatTerms kAlsoTerms{"trained.", term::kAlso, term::kAlsoMasters, term::kAlso, term::kAlsoGradient};

void addOptimizerState(Builder& b, const TrainedJob& job, DType state)
{
    Layout& layout = b.plan.layout;
    const std::int64_t n = layout.trained.elements;
    const auto add = [&](const char* name, std::string_view termName, DType dtype, std::int64_t count) {
        return b.add(std::string("optimizer.") + name, Category::Optimizer, termName, dtype, {1, count}, b.whole());
    };
    switch (job.optimizer) {
    case OptimizerKind::AdamW:
        layout.moment1 = add("moment1", term::kMoments, state, n);
        layout.moment2 = add("moment2", term::kMoments, state, n);
        return;
    case OptimizerKind::AdamW8bit:
        layout.moment1 = add("moment1", term::kMoments8bit, DType::U8, n);
        layout.moment2 = add("moment2", term::kMoments8bit, DType::U8, n);
        layout.moment1Scale = add("moment1_scale", term::kMomentScales, DType::F32, n / kStateBlock);
        layout.moment2Scale = add("moment2_scale", term::kMomentScales, DType::F32, n / kStateBlock);
        return;
    case OptimizerKind::Sgd:
        if (job.momentum > 0)
            layout.moment1 = add("momentum", term::kMomentum, state, n);
        return;
    case OptimizerKind::Lion:
        layout.moment1 = add("momentum", term::kMomentum, state, n);
        return;
    }
}

}  // namespace

std::vector<ParamId> alsoTrained(const ModelShape& s, const AlsoTrain& also)
{
    std::vector<ParamId> ids;
    const auto add = [&](ParamKind kind, int layer = -1) { ids.push_back({kind, layer, Linear::Q}); };
    if (also.embeddings || (also.head && s.tiedHead))
        add(ParamKind::Embedding);
    if (also.head && !s.tiedHead)
        add(ParamKind::Head);
    if (also.norms) {
        add(ParamKind::FinalNorm);
        for (int layer = 0; layer < static_cast<int>(s.layers); ++layer)
            for (const ParamKind kind : {ParamKind::LayerNormIn, ParamKind::LayerNormMid, ParamKind::QNorm, ParamKind::KNorm, ParamKind::NormAfterAttention, ParamKind::NormAfterMlp})
                add(kind, layer);
    }
    std::ranges::sort(ids);
    return ids;
}

void addTrained(Builder& b, const TrainedJob& job)
{
    Layout& layout = b.plan.layout;
    Trained& trained = layout.trained;
    Places places(trained, job.training && job.optimizer == OptimizerKind::AdamW8bit ? kStateBlock : kAlignment);
    placeAdapters(b, places, job.adapters);
    trained.adapterElements = trained.elements;
    placeModel(b, places, job.parameters);
    if (trained.elements == 0)
        return;
    const Dims flat{1, trained.elements};
    const DType state = layout.compute == DType::F64 ? DType::F64 : DType::F32;
    const bool copied = layout.compute != state;
    const bool hasParameters = !trained.parameters.empty();
    const FlatTerms& terms = !hasParameters ? kAdapterTerms : trained.adapters.empty() ? kModelTerms : kAlsoTerms;
    // What the products read of the model is the model itself; fp32 masters beside it are optimizer state.
    if (copied)
        layout.work = b.add(terms.prefix + "work", Category::Weights, terms.work, layout.compute, flat, b.whole());
    layout.master = b.add(terms.prefix + "master", hasParameters && copied ? Category::Optimizer : Category::Weights, copied ? terms.masters : terms.only,
                          state, flat, b.whole());
    if (!copied)
        layout.work = layout.master;
    addRowNorms(b);
    if (!job.training)
        return;
    layout.gradient = b.add(terms.prefix + "gradient", Category::Gradients, terms.gradient, state, flat, b.whole());
    addOptimizerState(b, job, state);
}

}  // namespace lorikeet::plan
