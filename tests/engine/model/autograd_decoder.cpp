// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/engine/model/autograd_decoder.h"

#include "engine/formats/parameters.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <map>
#include <numbers>
#include <optional>

namespace lorikeet::test {

namespace {

at::TensorOptions doubles() { return at::TensorOptions().dtype(at::kDouble); }

at::Tensor fromDoubles(const double* data, std::int64_t rows, std::int64_t cols)
{
    return at::from_blob(const_cast<double*>(data), {rows, cols}, doubles()).clone();
}

/// One decoder over one micro-batch.
class Oracle {
public:
    Oracle(const RandomSource& source, const plan::Trained& trained, const std::vector<double>& flat, const Plant& plant, const OtherWeights& others)
        : m_source(source), m_shape(source.shape()), m_plant(plant), m_others(others)
    {
        for (const plan::ParameterSlot& slot : trained.parameters) {
            const auto [rows, cols] = formats::shapeOf(slot.id, m_shape);
            Leaf leaf{fromDoubles(flat.data() + slot.offset, rows, cols), slot.offset};
            leaf.value.requires_grad_(true);
            m_leaves.emplace(slot.id, leaf);
        }
        for (const plan::AdapterSlot& slot : trained.adapters) {
            Pair pair{fromDoubles(flat.data() + slot.aOffset, slot.rank, slot.in), fromDoubles(flat.data() + slot.bOffset, slot.out, slot.rank), {}, slot};
            pair.a.requires_grad_(true);
            pair.b.requires_grad_(true);
            if (slot.dora) {
                pair.magnitude = fromDoubles(flat.data() + slot.mOffset, 1, slot.out);
                pair.magnitude.requires_grad_(true);
            }
            m_adapters.emplace(std::pair{slot.layer, slot.linear}, pair);
        }
    }

    at::Tensor lossSum(const data::MicroBatch& batch)
    {
        std::vector<std::int64_t> ids(batch.tokens.begin(), batch.tokens.end());
        at::Tensor x = weight({ParamKind::Embedding, -1, Linear::Q}).index_select(0, at::from_blob(ids.data(), {static_cast<std::int64_t>(ids.size())}, at::kLong).clone())
            * (m_shape.embeddingScale * m_plant.embeddingFactor);
        for (int layer = 0; layer < m_shape.layers; ++layer)
            x = block(layer, x, batch);
        x = norm(x, vector({ParamKind::FinalNorm, -1, Linear::Q}));
        const at::Tensor head = m_shape.tiedHead ? weight({ParamKind::Embedding, -1, Linear::Q}) : weight({ParamKind::Head, -1, Linear::Q});
        const at::Tensor logProbabilities = (x.matmul(head.t()) * m_plant.logitFactor / m_shape.logitDivisor).log_softmax(-1);
        at::Tensor sum = at::zeros({}, doubles());
        for (std::size_t row = 0; row < batch.targets.size(); ++row)
            if (batch.targets[row] >= 0)
                sum = sum - logProbabilities.select(0, static_cast<std::int64_t>(row)).select(0, batch.targets[row]);
        return sum;
    }

    void gradientInto(std::vector<double>& flat) const
    {
        const auto copy = [&](const at::Tensor& t, std::int64_t offset) {
            const at::Tensor g = t.grad().contiguous();
            std::copy_n(g.data_ptr<double>(), g.numel(), flat.begin() + offset);
        };
        for (const auto& [id, leaf] : m_leaves)
            copy(leaf.value, leaf.offset);
        for (const auto& [key, pair] : m_adapters) {
            copy(pair.a, pair.slot.aOffset);
            copy(pair.b, pair.slot.bOffset);
            if (pair.slot.dora)
                copy(pair.magnitude, pair.slot.mOffset);
        }
    }

private:
    struct Pair {
        at::Tensor a;
        at::Tensor b;
        at::Tensor magnitude;  ///< [1, out], DoRA only
        plan::AdapterSlot slot;
    };

    /// A parameter of the model that is trained.
    struct Leaf {
        at::Tensor value;
        std::int64_t offset = 0;
    };

    at::Tensor weight(ParamId id) const
    {
        if (const auto found = m_leaves.find(id); found != m_leaves.end())
            return found->second.value;
        if (const auto found = m_others.find(id); found != m_others.end()) {
            const auto [rows, cols] = formats::shapeOf(id, m_shape);
            return fromDoubles(found->second.data(), rows, cols);
        }
        const std::vector<float> values = m_source.values(id);
        const auto [rows, cols] = formats::shapeOf(id, m_shape);
        return at::from_blob(const_cast<float*>(values.data()), {rows, cols}, at::kFloat).to(at::kDouble);
    }
    at::Tensor vector(formats::ParamId id) const { return weight(id).flatten(); }

    at::Tensor norm(const at::Tensor& x, const at::Tensor& gain) const
    {
        return x * (x.pow(2).mean(-1, true) + m_shape.normEps * m_plant.epsFactor).rsqrt() * gain;
    }

    at::Tensor linear(int layer, Linear which, const at::Tensor& x)
    {
        const at::Tensor w = weight({ParamKind::LinearWeight, layer, which});
        at::Tensor y = x.matmul(w.t());
        if (const auto it = m_adapters.find({layer, which}); it != m_adapters.end()) {
            const Pair& pair = it->second;
            const double scale = pair.slot.scale * m_plant.loraFactor;
            y = y + x.matmul(pair.a.t()).matmul(pair.b.t()) * scale;
            if (pair.slot.dora) {
                const at::Tensor norms = (w + pair.b.matmul(pair.a) * scale).pow(2).sum(1).sqrt();
                y = y * (pair.magnitude / (m_plant.liveNorms ? norms : norms.detach()));
            }
        }
        if (hasBias(which, m_shape))
            y = y + vector({ParamKind::LinearBias, layer, which});
        return y;
    }

    /// [n, heads, d] turned by positions 0 .. n - 1.
    at::Tensor rope(const at::Tensor& x) const
    {
        const std::int64_t half = m_shape.headSize / 2;
        const std::int64_t n = x.size(0);
        std::vector<double> angles(static_cast<std::size_t>(n * half));
        for (std::int64_t i = 0; i < half; ++i) {
            // Rounded to fp32 where transformers rounds: the exponent, then the frequency.
            const double exponent = static_cast<float>(2.0 * static_cast<double>(i) / static_cast<double>(m_shape.headSize));
            double f = static_cast<float>(1.0 / std::pow(m_shape.ropeTheta * m_plant.thetaFactor, exponent));
            const RopeScaling& s = m_shape.ropeScaling;
            if (s.type == RopeScaling::Type::Llama3) {
                const double wave = 2 * std::numbers::pi / f;
                const double original = static_cast<double>(s.originalContext);
                const double smooth = (original / wave - s.lowFrequencyFactor) / (s.highFrequencyFactor - s.lowFrequencyFactor);
                f = wave > original / s.lowFrequencyFactor    ? f / s.factor
                    : wave < original / s.highFrequencyFactor ? f
                                                              : (1 - smooth) * f / s.factor + smooth * f;
            }
            if (s.type == RopeScaling::Type::Yarn) {
                const auto bound = [&](double turns) {
                    return static_cast<double>(m_shape.headSize) / 2 * std::log(static_cast<double>(s.originalContext) / (turns * 2 * std::numbers::pi)) / std::log(m_shape.ropeTheta);
                };
                const double low = std::max(0.0, std::floor(bound(s.betaFast)));
                const double high = std::min(static_cast<double>(m_shape.headSize - 1), std::ceil(bound(s.betaSlow)));
                const float keep = 1.0f - static_cast<float>(std::min(1.0, std::max(0.0, (static_cast<double>(i) - low) / (high - low))));
                const float plain = static_cast<float>(f);
                f = plain / static_cast<float>(s.factor) * (1.0f - keep) + plain * keep;
            }
            for (std::int64_t p = 0; p < n; ++p)
                // Angles too.
                angles[static_cast<std::size_t>(p * half + i)] = static_cast<double>(static_cast<float>(p) * static_cast<float>(f));
        }
        const at::Tensor angle = at::from_blob(angles.data(), {n, 1, half}, doubles()).clone();
        const at::Tensor c = (angle.cos().to(at::kFloat) * m_shape.ropeScaling.attentionFactor).to(at::kDouble);
        const at::Tensor s = (angle.sin().to(at::kFloat) * m_shape.ropeScaling.attentionFactor).to(at::kDouble);
        if (m_plant.interleavedRope) {
            const at::Tensor pairs = x.reshape({n, x.size(1), half, 2});
            const at::Tensor a = pairs.select(3, 0);
            const at::Tensor b = pairs.select(3, 1);
            return at::stack({a * c - b * s, b * c + a * s}, 3).reshape(x.sizes());
        }
        const at::Tensor a = x.narrow(2, 0, half);
        const at::Tensor b = x.narrow(2, half, half);
        return at::cat({a * c - b * s, b * c + a * s}, 2);
    }

    at::Tensor attention(int layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) const
    {
        const std::int64_t n = q.size(0);
        const std::int64_t group = m_shape.heads / m_shape.kvHeads;
        const at::Tensor keys = k.repeat_interleave(group, 1).permute({1, 2, 0});
        const at::Tensor values = v.repeat_interleave(group, 1).permute({1, 0, 2});
        at::Tensor scores = q.permute({1, 0, 2}).matmul(keys) * (m_shape.attentionScale() * m_plant.scaleFactor);
        const at::Tensor rows = at::arange(n, at::kLong).unsqueeze(1);
        const at::Tensor cols = at::arange(n, at::kLong).unsqueeze(0);
        at::Tensor hidden = cols.gt(rows);
        if (m_shape.slidingWindow > 0 && layer >= m_shape.slidingFrom)
            hidden = hidden.logical_or(cols.le(rows - m_shape.slidingWindow - m_plant.moreWindow));
        scores = scores.masked_fill(hidden, -1e300);
        return scores.softmax(-1).matmul(values).permute({1, 0, 2}).reshape({n, m_shape.queryWidth()});
    }

    at::Tensor block(int layer, const at::Tensor& x, const data::MicroBatch& batch)
    {
        const bool after = m_shape.normAfter;
        const bool whole = m_shape.qkNormWholeWidth;
        const at::Tensor n1 = after ? x : norm(x, vector({ParamKind::LayerNormIn, layer, Linear::Q}));
        at::Tensor q = linear(layer, Linear::Q, n1);
        at::Tensor k = linear(layer, Linear::K, n1);
        if (whole) {
            q = norm(q, vector({ParamKind::QNorm, layer, Linear::Q}));
            k = norm(k, vector({ParamKind::KNorm, layer, Linear::Q}));
        }
        const at::Tensor v = linear(layer, Linear::V, n1);
        const bool turned = m_plant.ropeEverywhere || m_shape.noRopePeriod == 0 || layer % m_shape.noRopePeriod != m_shape.noRopePeriod - 1;
        const double residual = m_shape.residualScale * m_plant.residualFactor;
        std::vector<at::Tensor> parts;
        const std::size_t documents = batch.documentStarts.size() - 1;
        for (std::size_t d = 0; d < (m_plant.leakDocuments ? 1 : documents); ++d) {
            const std::int64_t start = batch.documentStarts[d];
            const std::int64_t count = (m_plant.leakDocuments ? batch.documentStarts.back() : batch.documentStarts[d + 1]) - start;
            const auto heads = [&](const at::Tensor& t, std::int64_t number) { return t.narrow(0, start, count).reshape({count, number, m_shape.headSize}); };
            at::Tensor qh = heads(q, m_shape.heads);
            at::Tensor kh = heads(k, m_shape.kvHeads);
            if (m_shape.qkNorm && !whole) {
                qh = norm(qh, vector({ParamKind::QNorm, layer, Linear::Q}));
                kh = norm(kh, vector({ParamKind::KNorm, layer, Linear::Q}));
            }
            parts.push_back(attention(layer, turned ? rope(qh) : qh, turned ? rope(kh) : kh, heads(v, m_shape.kvHeads)));
        }
        const auto behind = [&](const at::Tensor& branch, ParamKind kind) { return after ? norm(branch, vector({kind, layer, Linear::Q})) : branch; };
        const at::Tensor mid = x + behind(linear(layer, Linear::O, at::cat(parts, 0)), ParamKind::NormAfterAttention) * residual;
        const at::Tensor n2 = after ? mid : norm(mid, vector({ParamKind::LayerNormMid, layer, Linear::Q}));
        const at::Tensor gate = linear(layer, Linear::Gate, n2);
        return mid + behind(linear(layer, Linear::Down, gate * gate.sigmoid() * linear(layer, Linear::Up, n2)), ParamKind::NormAfterMlp) * residual;
    }

    const RandomSource& m_source;
    const ModelShape& m_shape;
    const Plant& m_plant;
    const OtherWeights& m_others;
    std::map<ParamId, Leaf> m_leaves;
    std::map<std::pair<std::int32_t, Linear>, Pair> m_adapters;
};

}  // namespace

OracleResult autogradLoss(const RandomSource& source, const plan::Trained& trained, const std::vector<double>& flat, const data::MicroBatch& batch,
                          double gradientScale, const Plant& plant, const OtherWeights& others)
{
    Oracle oracle(source, trained, flat, plant, others);
    const at::Tensor sum = oracle.lossSum(batch);
    (sum * gradientScale).backward();
    OracleResult result;
    result.lossSum = sum.item<double>();
    result.gradient.assign(flat.size(), 0.0);
    oracle.gradientInto(result.gradient);
    return result;
}

}  // namespace lorikeet::test
