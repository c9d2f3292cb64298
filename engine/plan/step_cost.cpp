// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/plan/step_cost.h"

#include "engine/plan/trained.h"
#include "engine/spec/also_train.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace lorikeet::plan {

namespace {

// Bytes of optimizer traffic per trained parameter and step: gradient read for the norm (4) and again for the update (4) and cleared (4),
// master read and written (8), the working copy written (2), and the state read and written.
constexpr double kUpdateBytes = 22;
constexpr double kAdamBytes = 16;
constexpr double kAdam8bitBytes = 4.0625;  // two codes of one byte and two fp32 scales for 256 of them, read and written
constexpr double kMomentumBytes = 8;
// Passes over the logits of a chunk: written by the product, maximum and sum, gradient read and written, read by the product.
constexpr double kLogitPasses = 5;

/// Sums of r over the adapters of a layer, weighted as the counts need them: means over the layers where patterns make them differ.
struct AdapterSums {
    std::array<double, 7> rank{};  ///< by Linear
};

AdapterSums adapterSums(const ModelShape& shape, const Job& job)
{
    AdapterSums sums;
    if (job.recipe.method == "full")
        return sums;
    const bool uniform = job.recipe.rankPattern.empty();
    const std::int64_t layers = uniform ? 1 : shape.layers;
    for (const Linear linear : targetsOf(job)) {
        double total = 0;
        for (std::int64_t layer = 0; layer < layers; ++layer)
            total += static_cast<double>(uniform ? job.recipe.rank : adapterSizeOf(job, layer, linear).rank);
        sums.rank[static_cast<std::size_t>(linear)] = total / static_cast<double>(layers);
    }
    return sums;
}

/// Counts one micro-batch; amounts of all layers.
class MicroBatch {
public:
    MicroBatch(const ModelShape& shape, const Job& job, const Workload& workload)
        : m_shape(shape), m_job(job), m_ranks(adapterSums(shape, job)), m_full(job.recipe.method == "full"), m_also(alsoTrainOf(job)),
          m_element(static_cast<double>(bytesOf(precisionOf(job)))), m_layers(static_cast<double>(shape.layers)),
          m_tokens(static_cast<double>(job.slots()) * workload.fill), m_supervised(m_tokens * workload.supervisedShare),
          m_keys(meanKeys(workload))
    {
        const Quantization kind = m_full ? Quantization::None : quantizationOf(job);
        if (kind == Quantization::None)
            return;
        for (const Linear linear : kLinears) {
            const LinearShape map = shapeOf(linear, shape);
            m_codeBytes[static_cast<std::size_t>(linear)]
                = static_cast<double>(quantizedSizes(kind, job.recipe.doubleQuantization, map.out, map.in).bytes());
        }
    }

    void count(StepCost& cost);

private:
    [[nodiscard]] WorkAmount& at(Work work) { return m_cost->work[static_cast<std::size_t>(work)]; }
    void add(Work work, double flops, double bytes, double launches)
    {
        WorkAmount& amount = at(work);
        amount.flops += flops;
        amount.bytes += bytes;
        amount.launches += launches;
    }
    [[nodiscard]] bool tableIsTrained() const { return m_full || m_also.embeddings || (m_also.head && m_shape.tiedHead); }
    /// Parameters of the model that are trained.
    [[nodiscard]] double trainedParameters() const
    {
        if (m_full)
            return static_cast<double>(m_shape.parameterCount());
        const double table = static_cast<double>(m_shape.vocab) * static_cast<double>(m_shape.hidden);
        double sum = tableIsTrained() ? table : 0;
        if (m_also.head && !m_shape.tiedHead)
            sum += table;
        if (m_also.norms)
            sum += static_cast<double>(m_shape.hidden) * (m_shape.normBias ? 2 : 1) + m_layers * static_cast<double>(m_shape.layerNormParameterCount());
        return sum;
    }
    /// Keys that a query sees on average: half its document, less with a window.
    [[nodiscard]] double meanKeys(const Workload& workload) const
    {
        const auto context = static_cast<double>(m_job.recipe.context);
        const double document = workload.documentTokens > 0 ? std::min(workload.documentTokens, context) : context;
        const auto window = static_cast<double>(m_shape.slidingWindow);
        const double whole = static_cast<double>(m_shape.slidingFrom) / m_layers;  // share of the layers without the window
        return window > 0 && window < document ? whole * document / 2 + (1 - whole) * window * (1 - window / (2 * document)) : document / 2;
    }
    /// One product of a frozen map with all rows, in `layers` layers: forward, or its input's gradient.
    void product(Work work, Linear linear, double layers)
    {
        const LinearShape map = shapeOf(linear, m_shape);
        const double weights = static_cast<double>(map.in) * static_cast<double>(map.out);
        add(work, 2 * m_tokens * weights * layers,
            layers * m_element * (weights + m_tokens * static_cast<double>(map.in + map.out)), layers);
        if (const double codes = m_codeBytes[static_cast<std::size_t>(linear)]; codes > 0)
            add(Work::Dequantise, 0, layers * (codes + m_element * weights), layers);
    }
    /// S = x A^T, and with `result` y += S B^T.
    void adapter(Work work, Linear linear, double layers, bool result)
    {
        const double rank = m_ranks.rank[static_cast<std::size_t>(linear)];
        if (rank == 0)
            return;
        const LinearShape map = shapeOf(linear, m_shape);
        const auto in = static_cast<double>(map.in);
        const auto out = static_cast<double>(map.out);
        add(work, 2 * m_tokens * rank * in * layers, layers * m_element * m_tokens * (in + rank), layers);
        if (result)
            add(work, 2 * m_tokens * rank * out * layers, layers * m_element * m_tokens * (rank + 2 * out), layers);
    }
    void project(Work work, Linear linear, double layers)
    {
        product(work, linear, layers);
        adapter(work == Work::Matrices ? Work::Adapter : work, linear, layers, true);
        if (hasMagnitude(linear))
            add(work == Work::Matrices ? Work::Elementwise : work, 0, 2 * layers * m_element * m_tokens * static_cast<double>(shapeOf(linear, m_shape).out), layers);
    }
    [[nodiscard]] bool hasMagnitude(Linear linear) const { return m_job.recipe.dora && m_ranks.rank[static_cast<std::size_t>(linear)] > 0; }
    [[nodiscard]] double matrixBytes(Linear linear) const
    {
        const LinearShape map = shapeOf(linear, m_shape);
        const double codes = m_codeBytes[static_cast<std::size_t>(linear)];
        return codes > 0 ? codes : m_element * static_cast<double>(map.in) * static_cast<double>(map.out);
    }
    /// Where nothing is trained below the lowest layer's q, k and v, they pass no gradient on.
    [[nodiscard]] bool lowestHasNoDx(Linear linear) const { return !m_full && !m_also.norms && !tableIsTrained() && (linear == Linear::Q || linear == Linear::K || linear == Linear::V); }
    void magnitudesBackward(Linear linear, double layersWithoutDx);
    void rowNorms();
    void adapterBackward(Linear linear);
    void weightGradient(Linear linear);
    void forward();
    void backward();
    void recompute();
    void head();
    void offload();
    void optimizer();

    const ModelShape& m_shape;
    const Job& m_job;
    AdapterSums m_ranks;
    bool m_full;
    AlsoTrain m_also;
    double m_element;  ///< bytes of one number in products
    double m_layers;
    double m_tokens;
    double m_supervised;
    double m_keys;
    std::array<double, 7> m_codeBytes{};  ///< of one quantised matrix by Linear; 0: not quantised
    StepCost* m_cost = nullptr;
};

/// dS = dY B; dX += dS A; dA += dS^T X; dB += dY^T S, the sums in fp32.
void MicroBatch::adapterBackward(Linear linear)
{
    const double rank = m_ranks.rank[static_cast<std::size_t>(linear)];
    if (rank == 0)
        return;
    const LinearShape map = shapeOf(linear, m_shape);
    const auto in = static_cast<double>(map.in);
    const auto out = static_cast<double>(map.out);
    add(Work::Adapter, 4 * m_tokens * rank * (in + out) * m_layers,
        m_layers * (m_element * m_tokens * (2 * out + 3 * in + 4 * rank) + 8 * rank * (in + out)), 4 * m_layers);
}

void MicroBatch::weightGradient(Linear linear)
{
    const LinearShape map = shapeOf(linear, m_shape);
    const double weights = static_cast<double>(map.in) * static_cast<double>(map.out);
    add(Work::Matrices, 2 * m_tokens * weights * m_layers,
        m_layers * (m_element * m_tokens * static_cast<double>(map.in + map.out) + 8 * weights), m_layers);
}

void MicroBatch::forward()
{
    const auto h = static_cast<double>(m_shape.hidden);
    const auto q = static_cast<double>(m_shape.queryWidth());
    const auto k = static_cast<double>(m_shape.kvWidth());
    const auto f = static_cast<double>(m_shape.mlp);
    for (const Linear linear : kLinears)
        project(Work::Matrices, linear, m_layers);
    add(Work::Attention, 4 * m_tokens * m_keys * q * m_layers, m_layers * m_element * m_tokens * (2 * q + 2 * k), m_layers);
    const double turned = (m_shape.qkNorm ? 4 : 2) * (q + k);
    // Two norms (read, write), two residual sums (two reads, a write), rope in place, silu(gate) * up.
    add(Work::Elementwise, 0, m_layers * m_element * m_tokens * (10 * h + turned + 3 * f), m_layers * (m_shape.qkNorm ? 9 : 7));
}

void MicroBatch::backward()
{
    const auto h = static_cast<double>(m_shape.hidden);
    const auto q = static_cast<double>(m_shape.queryWidth());
    const auto k = static_cast<double>(m_shape.kvWidth());
    const auto f = static_cast<double>(m_shape.mlp);
    for (const Linear linear : kLinears) {
        product(Work::Matrices, linear, m_layers - (lowestHasNoDx(linear) ? 1 : 0));
        adapterBackward(linear);
        if (m_full)
            weightGradient(linear);
    }
    add(Work::Attention, 10 * m_tokens * m_keys * q * m_layers, m_layers * m_element * m_tokens * (5 * q + 4 * k), 2 * m_layers);
    const double turned = (m_shape.qkNorm ? 5 : 2) * (q + k);
    add(Work::Elementwise, 0, m_layers * m_element * m_tokens * (8 * h + turned + 5 * f), m_layers * (m_shape.qkNorm ? 7 : 5));
}

/// DoRA: the map's output made again, its magnitude's gradient summed, the gradient scaled; a quantised matrix is widened for it and then
/// used again for dX, where there is one.
void MicroBatch::magnitudesBackward(Linear linear, double layersWithoutDx)
{
    if (!hasMagnitude(linear))
        return;
    const LinearShape map = shapeOf(linear, m_shape);
    const auto in = static_cast<double>(map.in);
    const auto out = static_cast<double>(map.out);
    const double rank = m_ranks.rank[static_cast<std::size_t>(linear)];
    add(Work::Recompute, 2 * m_tokens * out * (in + rank) * m_layers, m_layers * m_element * (in * out + m_tokens * (in + rank + 3 * out)), 2 * m_layers);
    add(Work::Elementwise, 2 * m_tokens * out * m_layers, 4 * m_layers * m_element * m_tokens * out, 2 * m_layers);
    if (const double codes = m_codeBytes[static_cast<std::size_t>(linear)]; codes > 0)
        add(Work::Dequantise, 0, layersWithoutDx * (codes + m_element * in * out), layersWithoutDx);
}

/// DoRA, once a step: the lengths of the rows of W + s B A, made in blocks of fp32; offloaded layers come by once more.
void MicroBatch::rowNorms()
{
    for (const Linear linear : kLinears) {
        if (!hasMagnitude(linear))
            continue;
        const LinearShape map = shapeOf(linear, m_shape);
        const double weights = static_cast<double>(map.in) * static_cast<double>(map.out);
        const double codes = m_codeBytes[static_cast<std::size_t>(linear)];
        const double blocks = std::ceil(static_cast<double>(map.out) / static_cast<double>(kNormRows));
        // Copied to fp32, the product added, read for the sum.
        add(Work::Adapter, 2 * weights * (m_ranks.rank[static_cast<std::size_t>(linear)] + 1) * m_layers, m_layers * weights * (m_element + 16), 3 * blocks * m_layers);
        if (codes > 0)
            add(Work::Dequantise, 0, m_layers * (codes + m_element * weights), m_layers);
    }
    if (!m_job.recipe.dora)
        return;
    for (const Linear linear : kLinears)
        at(Work::Offload).linkBytes += static_cast<double>(m_job.recipe.offloadLayers) * matrixBytes(linear);
}

/// What block.cpp makes again in backward, by the level of each layer (architecture.md, "What a layer keeps").
void MicroBatch::recompute()
{
    for (const Linear linear : kLinears)
        magnitudesBackward(linear, lowestHasNoDx(linear) ? 1 : 0);
    std::array<double, 4> layers{};
    for (const Recompute level : recomputeLevels(m_job, m_shape.layers))
        layers[static_cast<std::size_t>(level)] += 1;
    const auto h = static_cast<double>(m_shape.hidden);
    const auto q = static_cast<double>(m_shape.queryWidth());
    const auto k = static_cast<double>(m_shape.kvWidth());
    const auto f = static_cast<double>(m_shape.mlp);
    const double cheap = layers[1] + layers[2] + layers[3];
    add(Work::Recompute, 0, cheap * m_element * m_tokens * ((m_shape.normAfter ? 0 : 4) * h + 3 * f), (m_shape.normAfter ? 1 : 3) * cheap);
    const double most = layers[2] + layers[3];
    if (most == 0)
        return;
    for (const Linear linear : {Linear::Q, Linear::K, Linear::V, Linear::Gate, Linear::Up})
        project(Work::Recompute, linear, most);
    if (m_shape.normAfter) {  // what the branches gave before their norms
        project(Work::Recompute, Linear::Down, most);
        project(Work::Recompute, Linear::O, layers[2]);
    } else {
        adapter(Work::Recompute, Linear::Down, most, false);
        adapter(Work::Recompute, Linear::O, layers[2], false);
    }
    add(Work::Recompute, 0, most * m_element * m_tokens * (m_shape.qkNorm ? 4 : 2) * (q + k), 2 * most);
    if (layers[3] == 0)
        return;
    project(Work::Recompute, Linear::O, layers[3]);
    add(Work::Recompute, 4 * m_tokens * m_keys * q * layers[3], layers[3] * m_element * m_tokens * (2 * q + 2 * k + 3 * h), 2 * layers[3]);
}

void MicroBatch::head()
{
    const auto h = static_cast<double>(m_shape.hidden);
    const auto v = static_cast<double>(m_shape.vocab);
    const auto rows = static_cast<double>(std::min(m_job.recipe.lossChunk, m_job.slots()));
    const double chunks = std::ceil(m_supervised / rows);
    add(Work::Head, 4 * m_supervised * h * v, m_element * (2 * chunks * h * v + m_supervised * (kLogitPasses * v + 8 * h)), 7 * chunks);
    if (m_full || m_also.head || (m_also.embeddings && m_shape.tiedHead))
        add(Work::Head, 2 * m_supervised * h * v, chunks * 8 * h * v, chunks);
    add(Work::Elementwise, 0, m_element * m_tokens * 2 * h, 1);  // embedding
    if (tableIsTrained())
        add(Work::Elementwise, 0, m_tokens * h * (m_element + 8), 1);  // its gradient, summed in fp32
}

/// Rows of the embedding to the device, frozen layers there for both passes, kept activations of all but the last two layers there and back.
void MicroBatch::offload()
{
    const auto h = static_cast<double>(m_shape.hidden);
    WorkAmount& amount = at(Work::Offload);
    if (m_job.recipe.offloadEmbedding)
        amount.linkBytes += m_tokens * h * m_element;
    for (const Linear linear : kLinears)
        amount.linkBytes += 2 * static_cast<double>(m_job.recipe.offloadLayers) * matrixBytes(linear);
    if (!m_job.recipe.offloadActivations)
        return;
    const auto q = static_cast<double>(m_shape.queryWidth());
    const double inputs = q + 2 * static_cast<double>(m_shape.kvWidth()) + 2 * static_cast<double>(m_shape.mlp);
    std::vector<Recompute> levels = recomputeLevels(m_job, m_shape.layers);
    levels.resize(levels.size() - std::min<std::size_t>(levels.size(), 2));
    for (const Recompute level : levels) {
        const double kept = h  // the block's input
                          + (level == Recompute::WholeBlock      ? 0
                             : level == Recompute::AttentionKept ? q + h
                             : level == Recompute::Cheap         ? q + h + inputs + (m_shape.normAfter ? 2 * h : 0)
                                                                 : q + 3 * h + inputs + static_cast<double>(m_shape.mlp));
        amount.linkBytes += 2 * m_tokens * m_element * kept;
    }
}

void MicroBatch::optimizer()
{
    double trained = trainedParameters();
    for (const Linear linear : kLinears) {
        const LinearShape map = shapeOf(linear, m_shape);
        trained += m_layers * (m_ranks.rank[static_cast<std::size_t>(linear)] * static_cast<double>(map.in + map.out) + (hasMagnitude(linear) ? static_cast<double>(map.out) : 0));
    }
    double state = kAdamBytes;
    switch (optimizerOf(m_job)) {
    case OptimizerKind::AdamW: break;
    case OptimizerKind::AdamW8bit: state = kAdam8bitBytes; break;
    case OptimizerKind::Sgd: state = m_job.recipe.momentum > 0 ? kMomentumBytes : 0; break;
    case OptimizerKind::Lion: state = kMomentumBytes; break;
    }
    add(Work::Optimizer, 12 * trained, trained * (kUpdateBytes + state), 4);
}

void MicroBatch::count(StepCost& cost)
{
    m_cost = &cost;
    forward();
    backward();
    head();
    // What is a gradient of something trained, or the way to one, is counted; attention's products made twice in its backward are not.
    const double attentionAgain = 2 * m_tokens * m_keys * static_cast<double>(m_shape.queryWidth()) * m_layers;
    cost.modelFlops = cost.flops() - attentionAgain;
    recompute();
    offload();
    const auto microBatches = static_cast<double>(m_job.recipe.accumulation);
    for (WorkAmount& amount : cost.work) {
        amount.flops *= microBatches;
        amount.bytes *= microBatches;
        amount.launches *= microBatches;
        amount.linkBytes *= microBatches;
    }
    cost.modelFlops *= microBatches;
    cost.tokens = m_tokens * microBatches;
    cost.layers = m_layers;
    optimizer();
    rowNorms();
}

}  // namespace

StepCost stepCost(const ModelShape& shape, const Job& job, const Workload& workload)
{
    StepCost cost;
    MicroBatch(shape, job, workload).count(cost);
    return cost;
}

}  // namespace lorikeet::plan
