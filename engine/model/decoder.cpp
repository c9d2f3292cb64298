// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/decoder.h"

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/progress.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/rows.h"
#include "engine/kernels/weight_gradients.h"
#include "engine/model/quantised_weights.h"

#include <algorithm>

namespace lorikeet::model {

namespace {

using plan::Phase;
using plan::PointKind;

// Rows in use are rounded up to this, so that only a few product shapes exist.
constexpr std::int64_t kRowGrain = 64;

}  // namespace

Decoder::HostRows::HostRows(const plan::Layout& layout)
{
    for (std::vector<std::int32_t>* list : {&tokens, &positions, &supervised, &targets})
        list->reserve(static_cast<std::size_t>(layout.slots));
    samples.reserve(static_cast<std::size_t>(layout.slots));
    losses.reserve(static_cast<std::size_t>(layout.lossChunk));
    floats.reserve(static_cast<std::size_t>(layout.lossChunk));
}

Decoder::Decoder(const ModelShape& shape, PlannedMemory& memory, kernels::Context& context)
    : m_shape(shape), m_memory(memory), m_context(context), m_layout(memory.plan().layout), m_block(m_shape, context),
      m_offload(memory, context),
      m_embedding(memory.mat(m_layout.embedding)), m_finalNorm(memory.mat(m_layout.finalNorm)), m_head(memory.mat(m_layout.head)),
      m_ropeTable(memory.mat(m_layout.ropeTable)), m_host(m_layout)
{
    resolveFrozen();
    resolveTrained();
    if (const Mat scratch = memory.mat(m_layout.matmulScratch)) {
        m_context.matmulScratch = scratch.data;
        m_context.matmulScratchBytes = scratch.bytes();
    }
    if (const Mat widen = memory.mat(m_layout.widen)) {
        m_context.widenScratch = widen.data;
        m_context.widenScratchBytes = widen.bytes();
    }
}

void Decoder::resolveFrozen()
{
    m_layers.resize(m_layout.layers.size());
    const Mat dequantised = m_memory.mat(m_layout.dequantised);
    for (std::size_t layer = 0; layer < m_layers.size(); ++layer) {
        const plan::LayerWeights& ids = m_layout.layers[layer];
        BlockWeights& w = m_layers[layer];
        w.layer = static_cast<std::int64_t>(layer);
        w.normIn = m_memory.mat(ids.normIn);
        w.normMid = m_memory.mat(ids.normMid);
        w.qNorm = m_memory.mat(ids.qNorm);
        w.kNorm = m_memory.mat(ids.kNorm);
        for (std::size_t i = 0; i < kLinears.size(); ++i) {
            LinearView& view = w.linears[i];
            view.weight = m_memory.mat(ids.linears[i].weight);
            if (ids.linears[i].codes != plan::kNone) {
                view.quantised = quantisedMat(m_memory, ids.linears[i], kLinears[i], m_shape);
                view.weight = dequantised.part(0, view.quantised.rows, view.quantised.cols);
            }
            view.bias = m_memory.mat(ids.linears[i].bias);
            view.module = static_cast<std::uint32_t>(layer * kLinears.size() + i);
        }
    }
}

Decoder::ParameterView Decoder::viewOf(ParamId id)
{
    if (id.kind == ParamKind::Embedding)
        return {&m_embedding, &m_dEmbedding};
    if (id.kind == ParamKind::Head)
        return {&m_head, &m_dHead};
    if (id.kind == ParamKind::FinalNorm)
        return {&m_finalNorm, &m_dFinalNorm};
    BlockWeights& w = m_layers[static_cast<std::size_t>(id.layer)];
    LinearView& linear = w.linears[static_cast<std::size_t>(id.linear)];
    switch (id.kind) {
    case ParamKind::LayerNormIn:
    case ParamKind::NormAfterAttention: return {&w.normIn, &w.dNormIn};
    case ParamKind::LayerNormMid:
    case ParamKind::NormAfterMlp: return {&w.normMid, &w.dNormMid};
    case ParamKind::QNorm: return {&w.qNorm, &w.dQNorm};
    case ParamKind::KNorm: return {&w.kNorm, &w.dKNorm};
    case ParamKind::LinearBias: return {&linear.bias, &linear.dBias};
    default: return {&linear.weight, &linear.dWeight};
    }
}

void Decoder::resolveTrained()
{
    const Mat work = m_memory.mat(m_layout.work);
    const Mat gradient = m_memory.mat(m_layout.gradient);
    const Mat master = m_memory.mat(m_layout.master);
    const Mat norms = m_memory.mat(m_layout.rowNorms);
    for (const plan::AdapterSlot& slot : m_layout.trained.adapters) {
        LinearView& view = m_layers[static_cast<std::size_t>(slot.layer)].linears[static_cast<std::size_t>(slot.linear)];
        view.loraA = work.part(slot.aOffset, slot.rank, slot.in);
        view.loraB = work.part(slot.bOffset, slot.out, slot.rank);
        view.dA = gradient.part(slot.aOffset, slot.rank, slot.in);
        view.dB = gradient.part(slot.bOffset, slot.out, slot.rank);
        view.scale = slot.scale;
        if (slot.dora) {
            view.magnitude = master.part(slot.mOffset, 1, slot.out);
            view.dMagnitude = gradient.part(slot.mOffset, 1, slot.out);
            view.rowNorms = norms.part(slot.normOffset, 1, slot.out);
        }
    }
    for (const plan::ParameterSlot& slot : m_layout.trained.parameters) {
        const ParameterView view = viewOf(slot.id);
        *view.value = work.part(slot.offset, slot.rows, slot.cols);
        *view.gradient = gradient.part(slot.offset, slot.rows, slot.cols);
    }
    if (m_shape.tiedHead) {
        m_head = m_embedding;
        m_dHead = m_dEmbedding;
    }
}

void Decoder::refreshRowNorms()
{
    if (m_layout.rowNorms == plan::kNone)
        return;
    // Where every buffer that is read lives, and none that a pass must find as it was.
    const plan::Program& program = m_memory.plan().program;
    m_memory.enter(m_layout.training ? program.at(Phase::Train, PointKind::Optimizer) : program.at(Phase::Evaluate, PointKind::Batch));
    m_offload.begin();
    const Mat block = m_memory.mat(m_layout.normBlock);
    for (std::size_t layer = 0; layer < m_layers.size(); ++layer) {
        m_offload.bringWeights(layer, layer + 1);
        for (const LinearView& map : m_layers[layer].linears)
            makeRowNorms(m_context, map, block);
    }
}

void Decoder::startMagnitudes()
{
    refreshRowNorms();
    for (const BlockWeights& layer : m_layers)
        for (const LinearView& map : layer.linears)
            if (map.hasMagnitude())
                kernels::convert(m_context, {map.magnitude, map.rowNorms, 1.0});
}

void requireKnownTokens(std::span<const std::int32_t> tokens, const ModelShape& shape)
{
    for (const std::int32_t token : tokens)
        if (token < 0 || token >= shape.vocab)
            throw Error(ErrorCode::BadInput, "token " + std::to_string(token) + " is not in the vocabulary of " + shape.name + ", which ends at "
                                                 + std::to_string(shape.vocab - 1),
                        "use the tokenizer files that belong to these weights, or the weights that belong to this tokenizer");
}

std::int64_t Decoder::grainRows(std::int64_t count, std::int64_t most)
{
    return std::min((count + kRowGrain - 1) / kRowGrain * kRowGrain, most);
}

PassInputs Decoder::upload(const data::MicroBatch& batch, std::int64_t rows)
{
    const auto tokens = static_cast<std::int64_t>(batch.tokens.size());
    LORIKEET_CHECK(tokens <= m_layout.slots && batch.positions.size() == batch.tokens.size(), "micro-batch larger than planned");
    requireKnownTokens(batch.tokens, m_shape);
    const auto padded = [&](std::vector<std::int32_t>& room, const std::vector<std::int32_t>& values) -> const std::vector<std::int32_t>& {
        room.assign(values.begin(), values.end());
        room.resize(static_cast<std::size_t>(rows), 0);
        return room;
    };
    const auto put = [&](plan::BufferId id, const auto& values) {
        Mat mat = m_memory.mat(id);
        mat.cols = static_cast<std::int64_t>(values.size());
        kernels::upload(m_context, mat, values.data());
        return mat;
    };
    PassInputs in;
    in.ropeTable = m_ropeTable;
    put(m_layout.batch.tokens, padded(m_host.tokens, batch.tokens));
    in.positions = put(m_layout.batch.positions, padded(m_host.positions, batch.positions));
    // Starts padded with N up to the fixed maximum are empty documents; kernels get the real ones.
    in.documents = put(m_layout.batch.documents, batch.documentStarts);
    std::vector<std::int64_t>& samples = m_host.samples;
    samples.assign(static_cast<std::size_t>(rows), 0);
    for (std::size_t d = 0; d + 1 < batch.documentStarts.size(); ++d) {
        in.longestDocument = std::max<std::int64_t>(in.longestDocument, batch.documentStarts[d + 1] - batch.documentStarts[d]);
        std::fill(samples.begin() + batch.documentStarts[d], samples.begin() + batch.documentStarts[d + 1], batch.sampleIds[d]);
    }
    in.dropout.samples = put(m_layout.batch.sampleIds, samples);
    in.dropout.positions = in.positions;
    m_host.supervised.clear();
    m_host.targets.clear();
    for (std::size_t row = 0; row < batch.targets.size(); ++row) {
        if (batch.targets[row] < 0)
            continue;
        m_host.supervised.push_back(static_cast<std::int32_t>(row));
        m_host.targets.push_back(batch.targets[row]);
    }
    if (!m_host.targets.empty()) {
        put(m_layout.batch.rows, m_host.supervised);
        put(m_layout.batch.targets, m_host.targets);
    }
    return in;
}

BlockMats Decoder::blockMats(const plan::BlockBuffers& ids, std::int64_t rows)
{
    const auto get = [&](plan::BufferId id) { return m_memory.mat(id, rows); };
    BlockMats b;
    b.x = get(ids.x);
    b.norm1 = get(ids.norm1);
    b.qPre = get(ids.qPre);
    b.kPre = get(ids.kPre);
    b.q = get(ids.q);
    b.k = get(ids.k);
    b.v = get(ids.v);
    b.attn = get(ids.attn);
    b.lse = get(ids.lse);
    b.mid = get(ids.mid);
    b.norm2 = get(ids.norm2);
    b.gate = get(ids.gate);
    b.up = get(ids.up);
    b.product = get(ids.product);
    b.dropped = get(ids.dropped);
    b.y = get(ids.y);
    for (std::size_t i = 0; i < b.s.size(); ++i)
        b.s[i] = get(ids.loraS[i]);
    return b;
}

BackwardMats Decoder::backwardMats(std::int64_t rows)
{
    const plan::BackwardScratch& ids = m_layout.scratch;
    const auto get = [&](plan::BufferId id) { return m_memory.mat(id, rows); };
    return {get(ids.dStream), get(ids.dNorm), get(ids.dProduct), get(ids.dAttn), get(ids.dQ),
            get(ids.dK),      get(ids.dV),    get(ids.dS),       get(ids.attnSum), get(ids.attnDelta), get(ids.z)};
}

void Decoder::embedTokens(const Mat& x)
{
    if (m_offload.embeddingIsOnHost()) {
        m_offload.embed(x, m_host.tokens);
    } else {
        Mat tokens = m_memory.mat(m_layout.batch.tokens);
        tokens.cols = x.rows;
        kernels::embed(m_context, {x, m_embedding, tokens});
    }
    scaleEmbedded(x);
}

void Decoder::scaleEmbedded(const Mat& x)
{
    if (m_shape.embeddingScale != 1.0)
        kernels::convert(m_context, {x, x, m_shape.embeddingScale});
}

Mat Decoder::forwardForTraining(const PassInputs& in, std::int64_t rows, const std::stop_token& stop)
{
    const plan::Program& program = m_memory.plan().program;
    const auto layers = static_cast<std::size_t>(m_shape.layers);
    m_memory.enter(program.at(Phase::Train, PointKind::Embed));
    embedTokens(m_memory.mat(m_layout.forward.front().x, rows));
    const plan::PointIndex first = program.at(Phase::Train, PointKind::Forward, 0);
    for (std::size_t layer = 0; layer < layers; ++layer) {
        throwIfStopped(stop);
        m_memory.enter(first + static_cast<plan::PointIndex>(layer));
        m_offload.bringWeights(layer, layer + 1);
        m_offload.makeRoom(layer);
        m_block.forward(m_layers[layer], blockMats(m_layout.forward[layer], rows), in);
        m_offload.stash(layer, rows);
    }
    return m_memory.mat(m_layout.forward.back().y, rows);
}

void Decoder::backward(const PassInputs& in, std::int64_t rows, const std::stop_token& stop)
{
    const plan::Program& program = m_memory.plan().program;
    const BackwardMats g = backwardMats(rows);
    const plan::PointIndex last = program.at(Phase::Train, PointKind::Backward, 0);
    for (auto layer = static_cast<std::size_t>(m_shape.layers); layer-- > 0;) {
        throwIfStopped(stop);
        m_memory.enter(last - static_cast<plan::PointIndex>(layer));
        m_offload.bringWeights(layer, layer > 0 ? layer - 1 : Offload::kNobody);
        m_offload.fetch(layer, rows);
        m_block.backward(m_layers[layer], blockMats(m_layout.backward[layer], rows), g, in, m_layout.levels[layer],
                         layer == 0 && !m_dEmbedding && !m_layers.front().dNormIn);
    }
    if (m_dEmbedding) {
        Mat tokens = m_memory.mat(m_layout.batch.tokens);
        tokens.cols = rows;
        scaleEmbedded(g.dStream);
        kernels::embedBackward(m_context, {m_dEmbedding, g.dStream, tokens});
    }
}

double Decoder::trainMicroBatch(const data::MicroBatch& batch, const TrainPass& pass, const std::stop_token& stop)
{
    const plan::Program& program = m_memory.plan().program;
    const std::int64_t rows = usedRows(static_cast<std::int64_t>(batch.tokens.size()));
    m_memory.enter(program.at(Phase::Train, PointKind::Batch));
    m_offload.begin();
    PassInputs in = upload(batch, rows);
    in.dropout.probability = pass.dropout;
    in.dropout.seed = pass.seed;
    in.dropout.step = pass.step;
    const Mat x = forwardForTraining(in, rows, stop);
    m_memory.enter(program.at(Phase::Train, PointKind::Head));
    const Mat dStream = m_memory.mat(m_layout.scratch.dStream, rows);
    kernels::fillZero(m_context, dStream);
    const double sum = loss(m_layout.trainHead, x, batch, pass.gradientScale, dStream, stop);
    backward(in, rows, stop);
    return sum;
}

Mat Decoder::forwardForEvaluation(const PassInputs& in, std::int64_t rows, const std::stop_token& stop)
{
    const plan::Program& program = m_memory.plan().program;
    m_memory.enter(program.at(Phase::Evaluate, PointKind::Embed));
    plan::BlockBuffers ids = m_layout.evaluate;
    embedTokens(m_memory.mat(ids.x, rows));
    const plan::PointIndex first = program.at(Phase::Evaluate, PointKind::Forward, 0);
    for (std::size_t layer = 0; layer < m_layers.size(); ++layer) {
        throwIfStopped(stop);
        m_memory.enter(first + static_cast<plan::PointIndex>(layer));
        m_offload.bringWeights(layer, layer + 1);
        m_block.forward(m_layers[layer], blockMats(ids, rows), in);
        std::swap(ids.x, ids.y);
    }
    return m_memory.mat(ids.x, rows);
}

double Decoder::evaluateMicroBatch(const data::MicroBatch& batch, const std::stop_token& stop)
{
    const std::int64_t rows = usedRows(static_cast<std::int64_t>(batch.tokens.size()));
    m_memory.enter(m_memory.plan().program.at(Phase::Evaluate, PointKind::Batch));
    const PassInputs in = upload(batch, rows);
    const Mat x = forwardForEvaluation(in, rows, stop);
    m_memory.enter(m_memory.plan().program.at(Phase::Evaluate, PointKind::Head));
    return loss(m_layout.evaluateHead, x, batch, 0.0, {}, stop);
}

}  // namespace lorikeet::model
