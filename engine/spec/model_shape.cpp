// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/spec/model_shape.h"

#include "engine/base/error.h"
#include "engine/spec/job_words.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string_view>
#include <utility>

namespace lorikeet {

namespace {

constexpr const char* kConfigHint = "the configuration is damaged, was edited or is not of a decoder-only language model: fetch the model again, or correct the value";

void requireRange(std::int64_t value, std::int64_t low, std::int64_t high, const char* field, const std::string& where)
{
    if (value >= low && value <= high)
        return;
    throw Error(ErrorCode::BadInput,
                where + ": " + field + " is " + std::to_string(value) + ", expected " + std::to_string(low) + " to "
                    + std::to_string(high),
                kConfigHint);
}

void requireScales(const ModelShape& shape, const std::string& where)
{
    const auto require = [&](double value, const char* name, bool zero) {
        if (!std::isfinite(value) || value < 0 || (value == 0 && !zero))
            throw Error(ErrorCode::BadInput, where + ": " + name + " is " + numberText(value) + ", expected a positive number", kConfigHint);
    };
    require(shape.embeddingScale, "the embedding multiplier", false);
    require(shape.residualScale, "the residual multiplier", false);
    require(shape.attentionMultiplier, "the attention multiplier", true);
    require(shape.logitDivisor, "the scaling of the logits", false);
    const RopeScaling& rope = shape.ropeScaling;
    if (rope.type != RopeScaling::Type::Yarn)
        return;
    require(rope.betaFast, "beta_fast of the yarn position scaling", false);
    require(rope.betaSlow, "beta_slow of the yarn position scaling", false);
    require(rope.attentionFactor, "the attention factor of the yarn position scaling", false);
    requireRange(rope.originalContext, 1, std::int64_t{1} << 32, "the original context of the yarn position scaling", where);
}

/// The factors of the largest part of a model that is too large, as its configuration names them.
std::string largestPart(const ModelShape& s)
{
    const auto width = static_cast<double>(s.hidden);
    const double table = static_cast<double>(s.vocab) * width;
    const double mlp = 3.0 * static_cast<double>(s.layers) * static_cast<double>(s.mlp) * width;
    const double attention = 2.0 * static_cast<double>(s.layers) * static_cast<double>(s.queryWidth() + s.kvWidth()) * width;
    const std::string hidden = "the hidden width (hidden_size " + std::to_string(s.hidden) + ")";
    const std::string layers = ", the number of layers (num_hidden_layers " + std::to_string(s.layers) + ")";
    if (table > mlp && table > attention)
        return "the vocabulary size (vocab_size " + std::to_string(s.vocab) + ") and " + hidden;
    if (mlp > attention)
        return "the MLP width (intermediate_size " + std::to_string(s.mlp) + ")" + layers + " and " + hidden;
    return "the number of heads (num_attention_heads " + std::to_string(s.heads) + "), the head size (head_dim " + std::to_string(s.headSize) + ")" + layers
         + " and " + hidden;
}

constexpr std::array<std::string_view, 7> kRunnable{"llama", "mistral", "qwen2", "qwen3", "granite", "smollm3", "olmo2"};

}  // namespace

double RopeScaling::yarnShare(std::int64_t index, double theta, std::int64_t headSize) const noexcept
{
    const auto width = static_cast<double>(headSize);
    // The dimension whose frequency turns `rotations` times in the original context.
    const auto dimOf = [&](double rotations) {
        return width * std::log(static_cast<double>(originalContext) / (rotations * 2.0 * std::numbers::pi)) / (2.0 * std::log(theta));
    };
    const double first = dimOf(betaFast);
    const double last = dimOf(betaSlow);
    const double low = std::max(wholeDims ? std::floor(first) : first, 0.0);
    const double high = std::min(wholeDims ? std::ceil(last) : last, width - 1.0);
    const double length = high == low ? 0.001 : high - low;  // no division by nothing, as in transformers
    return std::clamp((static_cast<double>(index) - low) / length, 0.0, 1.0);
}

double ModelShape::attentionScale() const noexcept { return attentionMultiplier > 0 ? attentionMultiplier : 1.0 / std::sqrt(static_cast<double>(headSize)); }

std::uint64_t ModelShape::layerNormParameterCount() const noexcept
{
    const std::int64_t norms = normsPerLayer * hidden * (normBias ? 2 : 1);
    const std::int64_t qkNorms = qkNorm ? qNormWidth() + kNormWidth() : 0;
    return static_cast<std::uint64_t>(norms + qkNorms);
}

std::uint64_t ModelShape::layerParameterCount() const noexcept
{
    auto count = static_cast<std::int64_t>(layerNormParameterCount());
    for (const Linear linear : kLinears) {
        const LinearShape s = shapeOf(linear, *this);
        count += s.in * s.out + (hasBias(linear, *this) ? s.out : 0);
    }
    return static_cast<std::uint64_t>(count);
}

std::uint64_t ModelShape::parameterCount() const noexcept
{
    const auto table = static_cast<std::uint64_t>(vocab * hidden);
    return static_cast<std::uint64_t>(layers) * layerParameterCount() + static_cast<std::uint64_t>(normBias ? 2 * hidden : hidden)
         + (tiedHead ? table : 2 * table);
}

bool runnableFamily(const ModelShape& shape) noexcept { return std::ranges::find(kRunnable, shape.family) != kRunnable.end(); }

void requireRunnableFamily(const ModelShape& shape, const std::string& where)
{
    if (!runnableFamily(shape))
        throw Error(ErrorCode::BadInput, where + " is a " + shape.family + " model: it can be planned for, not run",
                    "choose a model of the families llama (Llama, SmolLM2), mistral, qwen2, qwen3, granite, smollm3 or olmo2");
}

void validateShape(const ModelShape& shape, const std::string& where)
{
    requireRange(shape.layers, 1, 4096, "the number of layers", where);
    requireRange(shape.hidden, 1, 1 << 20, "the hidden width", where);
    requireRange(shape.heads, 1, 4096, "the number of heads", where);
    requireRange(shape.kvHeads, 1, shape.heads, "the number of kv heads", where);
    requireRange(shape.headSize, 2, 4096, "the head size", where);
    requireRange(shape.mlp, 1, 1 << 22, "the MLP width", where);
    requireRange(shape.vocab, 1, 1 << 24, "the vocabulary size", where);
    requireRange(shape.maxContext, 1, std::int64_t{1} << 32, "the context length", where);
    requireRange(shape.normsPerLayer, 1, 8, "the number of norms per layer", where);
    requireRange(shape.slidingWindow, 0, std::int64_t{1} << 32, "the sliding window", where);
    requireRange(shape.slidingFrom, 0, shape.layers, "the first layer with a sliding window", where);
    requireRange(shape.noRopePeriod, 0, 1 << 16, "the period of layers without rotary positions", where);
    requireScales(shape, where);
    requireRange(shape.slidingPeriod, 0, shape.layers, "the period of the sliding window", where);
    if (shape.parameterCount() > kMostParameters)
        throw Error(ErrorCode::BadInput, where + ": " + largestPart(shape) + " make " + std::to_string(shape.parameterCount())
                                             + " parameters, expected at most 10^15",
                    kConfigHint);
    if (shape.heads % shape.kvHeads != 0)
        throw Error(ErrorCode::BadInput, where + ": " + std::to_string(shape.heads) + " heads are not a multiple of "
                                             + std::to_string(shape.kvHeads) + " kv heads",
                    kConfigHint);
    if (shape.headSize % 2 != 0)
        throw Error(ErrorCode::BadInput, where + ": the head size (head_dim) is " + std::to_string(shape.headSize) + ", odd, and rotary positions need pairs", kConfigHint);
    if (!(shape.normEps > 0 && shape.normEps < 1))
        throw Error(ErrorCode::BadInput, where + ": the norm epsilon (rms_norm_eps) is " + numberText(shape.normEps) + ", expected a number between 0 and 1", kConfigHint);
    if (!(shape.ropeTheta > 0) || !std::isfinite(shape.ropeTheta))
        throw Error(ErrorCode::BadInput, where + ": the rope theta (rope_theta) is " + numberText(shape.ropeTheta) + ", expected a positive number", kConfigHint);
    if (!(shape.ropeScaling.factor > 0) || !std::isfinite(shape.ropeScaling.factor))
        throw Error(ErrorCode::BadInput, where + ": the rope scaling factor (factor) is " + numberText(shape.ropeScaling.factor) + ", expected a positive number", kConfigHint);
}

const char* nameOf(Linear linear) noexcept
{
    switch (linear) {
    case Linear::Q: return "q_proj";
    case Linear::K: return "k_proj";
    case Linear::V: return "v_proj";
    case Linear::O: return "o_proj";
    case Linear::Gate: return "gate_proj";
    case Linear::Up: return "up_proj";
    case Linear::Down: return "down_proj";
    }
    return "?";
}

const char* modulePathOf(Linear linear) noexcept
{
    switch (linear) {
    case Linear::Q: return "self_attn.q_proj";
    case Linear::K: return "self_attn.k_proj";
    case Linear::V: return "self_attn.v_proj";
    case Linear::O: return "self_attn.o_proj";
    case Linear::Gate: return "mlp.gate_proj";
    case Linear::Up: return "mlp.up_proj";
    case Linear::Down: return "mlp.down_proj";
    }
    return "?";
}

LinearShape shapeOf(Linear linear, const ModelShape& shape) noexcept
{
    switch (linear) {
    case Linear::Q: return {shape.hidden, shape.queryWidth()};
    case Linear::K:
    case Linear::V: return {shape.hidden, shape.kvWidth()};
    case Linear::O: return {shape.queryWidth(), shape.hidden};
    case Linear::Gate:
    case Linear::Up: return {shape.hidden, shape.mlp};
    case Linear::Down: return {shape.mlp, shape.hidden};
    }
    return {};
}

bool hasBias(Linear linear, const ModelShape& shape) noexcept
{
    switch (linear) {
    case Linear::Q:
    case Linear::K:
    case Linear::V: return shape.qkvBias;
    case Linear::O: return shape.outBias;
    case Linear::Gate:
    case Linear::Up:
    case Linear::Down: return shape.mlpBias;
    }
    return false;
}

}  // namespace lorikeet
