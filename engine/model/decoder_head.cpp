// SPDX-License-Identifier: GPL-3.0-or-later
// The ends of the decoder: loss in chunks of supervised rows, logits of all rows, and generation.
#include "engine/model/decoder.h"

#include "engine/base/check.h"
#include "engine/base/progress.h"
#include "engine/kernels/cross_entropy.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/matmul.h"
#include "engine/kernels/op_table.h"
#include "engine/kernels/rms_norm.h"
#include "engine/kernels/rows.h"

#include <algorithm>
#include <numeric>

namespace lorikeet::model {

namespace {

using plan::Phase;
using plan::PointKind;

/// A device row in fp32 on the host, whatever its type.
void downloadAsFloats(kernels::Context& context, const Mat& from, std::vector<float>& to)
{
    to.resize(static_cast<std::size_t>(from.elements()));
    if (from.dtype == DType::F32) {
        kernels::download(context, to.data(), from);
        return;
    }
    std::vector<std::byte> raw(from.bytes());
    kernels::download(context, raw.data(), from);
    const Mat host{raw.data(), from.dtype, from.rows, from.cols};
    kernels::Context cpu;
    cpu.ops = &kernels::cpuOps();
    kernels::convert(cpu, {{to.data(), DType::F32, from.rows, from.cols}, host, 1.0});
}

}  // namespace

Decoder::Head Decoder::headMats(const plan::HeadBuffers& ids, std::int64_t rows)
{
    Mat losses = m_memory.mat(ids.losses);
    losses.cols = rows;
    return {m_memory.mat(ids.x, rows), m_memory.mat(ids.norm, rows), m_memory.mat(ids.logits, rows), m_memory.mat(ids.dNorm, rows), losses};
}

double Decoder::loss(const plan::HeadBuffers& ids, const Mat& x, const data::MicroBatch& batch, double gradientScale, const Mat& dStream,
                     const std::stop_token& stop)
{
    const bool gradient = static_cast<bool>(dStream);
    double sum = 0;
    std::vector<double>& losses = m_host.losses;
    for (std::int64_t first = 0; first < batch.supervised; first += m_layout.lossChunk) {
        throwIfStopped(stop);
        const std::int64_t count = std::min(m_layout.lossChunk, batch.supervised - first);
        // Products run over whole grains; what the rows behind `count` hold is read by nobody.
        const Head whole = headMats(ids, grainRows(count, m_layout.lossChunk));
        const Head head = headMats(ids, count);
        const Mat rows = m_memory.mat(m_layout.batch.rows).part(first, 1, count);
        const Mat targets = m_memory.mat(m_layout.batch.targets).part(first, 1, count);
        kernels::gatherRows(m_context, {head.x, x, rows});
        kernels::rmsNormForward(m_context, {head.norm, head.x, m_finalNorm, m_shape.normEps});
        kernels::matmul(m_context, {.c = whole.logits, .a = whole.norm, .b = m_head, .transposeB = true, .alpha = 1.0 / m_shape.logitDivisor});
        kernels::crossEntropy(m_context, {head.logits, targets, head.losses, gradient, gradientScale});
        if (gradient) {
            kernels::matmul(m_context, {.c = whole.dNorm, .a = whole.logits, .b = m_head, .alpha = 1.0 / m_shape.logitDivisor});
            if (m_dHead)
                addHeadGradient(whole, count);
            kernels::rmsNormBackward(m_context, {.dx = head.dNorm, .dy = head.dNorm, .x = head.x, .gain = m_finalNorm, .dGain = m_dFinalNorm, .eps = m_shape.normEps});
            kernels::scatterRows(m_context, {dStream, head.dNorm, rows});
        }
        losses.resize(static_cast<std::size_t>(count));
        if (head.losses.dtype == DType::F64) {
            kernels::download(m_context, losses.data(), head.losses);
        } else {
            downloadAsFloats(m_context, head.losses, m_host.floats);
            std::copy(m_host.floats.begin(), m_host.floats.end(), losses.begin());
        }
        sum = std::accumulate(losses.begin(), losses.end(), sum);
    }
    return sum;
}

void Decoder::addHeadGradient(const Head& whole, std::int64_t count)
{
    // Here the rows behind `count` would be summed.
    if (const std::int64_t rest = whole.logits.rows - count; rest > 0) {
        kernels::fillZero(m_context, whole.logits.slice(count, rest));
        kernels::fillZero(m_context, whole.norm.slice(count, rest));
    }
    kernels::matmul(m_context, {.c = m_dHead, .a = whole.logits, .transposeA = true, .b = whole.norm, .alpha = 1.0 / m_shape.logitDivisor, .beta = 1.0});
}

void Decoder::logits(std::span<const std::int32_t> tokens, const std::function<void(std::int64_t, std::span<const float>)>& sink,
                     const std::stop_token& stop)
{
    const auto count = static_cast<std::int64_t>(tokens.size());
    LORIKEET_CHECK(count > 0 && count <= m_layout.slots, "more tokens than the evaluation pass was planned for");
    data::MicroBatch batch;
    batch.tokens.assign(tokens.begin(), tokens.end());
    batch.targets.assign(tokens.size(), -1);
    batch.positions.resize(tokens.size());
    std::iota(batch.positions.begin(), batch.positions.end(), 0);
    batch.documentStarts = {0, static_cast<std::int32_t>(count)};
    batch.sampleIds = {0};

    const std::int64_t rows = usedRows(count);
    m_memory.enter(m_memory.plan().program.at(Phase::Evaluate, PointKind::Batch));
    const PassInputs in = upload(batch, rows);
    const Mat x = forwardForEvaluation(in, rows, stop);
    m_memory.enter(m_memory.plan().program.at(Phase::Evaluate, PointKind::Head));
    std::vector<float> piece;
    for (std::int64_t first = 0; first < count; first += m_layout.lossChunk) {
        throwIfStopped(stop);
        const Head head = headMats(m_layout.evaluateHead, std::min(m_layout.lossChunk, count - first));
        kernels::rmsNormForward(m_context, {head.norm, x.slice(first, head.norm.rows), m_finalNorm, m_shape.normEps});
        kernels::matmul(m_context, {.c = head.logits, .a = head.norm, .b = m_head, .transposeB = true, .alpha = 1.0 / m_shape.logitDivisor});
        downloadAsFloats(m_context, head.logits, piece);
        sink(first, piece);
    }
}

std::vector<float> Decoder::extend(std::span<const std::int32_t> tokens, std::int64_t position, const std::stop_token& stop)
{
    const plan::SampleBuffers& sample = m_layout.sample;
    requireKnownTokens(tokens, m_shape);
    m_memory.enter(m_memory.plan().program.at(Phase::Sample, PointKind::Decode));
    Mat last;
    for (std::size_t done = 0; done < tokens.size();) {
        const auto rows = static_cast<std::int64_t>(std::min(tokens.size() - done, static_cast<std::size_t>(m_layout.prefillRows)));
        std::vector<std::int32_t> positions(static_cast<std::size_t>(rows));
        std::iota(positions.begin(), positions.end(), static_cast<std::int32_t>(position));
        const Mat ids = m_memory.mat(sample.tokens).part(0, 1, rows);
        PassInputs in;
        in.ropeTable = m_ropeTable;
        in.positions = m_memory.mat(sample.positions).part(0, 1, rows);
        kernels::upload(m_context, ids, tokens.data() + done);
        kernels::upload(m_context, in.positions, positions.data());
        plan::BlockBuffers block = sample.block;
        const Mat x = m_memory.mat(block.x, rows);
        if (m_offload.embeddingIsOnHost())
            m_offload.embed(x, tokens.subspan(done, static_cast<std::size_t>(rows)));
        else
            kernels::embed(m_context, {x, m_embedding, ids});
        scaleEmbedded(x);
        for (std::size_t layer = 0; layer < m_layers.size(); ++layer) {
            throwIfStopped(stop);
            m_offload.bringWeights(layer, layer + 1);
            m_block.forwardCached(m_layers[layer], blockMats(block, rows), in,
                                  {m_memory.mat(sample.keys[layer]), m_memory.mat(sample.values[layer]), position});
            std::swap(block.x, block.y);
        }
        last = m_memory.mat(block.x, rows).slice(rows - 1, 1);
        done += static_cast<std::size_t>(rows);
        position += rows;
    }
    LORIKEET_CHECK(static_cast<bool>(last), "extend needs at least one token");
    const Mat norm = m_memory.mat(sample.norm);
    const Mat logits = m_memory.mat(sample.logits);
    kernels::rmsNormForward(m_context, {norm, last, m_finalNorm, m_shape.normEps});
    kernels::matmul(m_context, {.c = logits, .a = norm, .b = m_head, .transposeB = true, .alpha = 1.0 / m_shape.logitDivisor});
    std::vector<float> result;
    downloadAsFloats(m_context, logits, result);
    return result;
}

}  // namespace lorikeet::model
