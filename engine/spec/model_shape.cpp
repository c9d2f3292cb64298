// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/spec/model_shape.h"

#include "engine/base/checked.h"
#include "engine/base/error.h"

#include <cmath>
#include <utility>

namespace lorikeet {

namespace {

void requireRange(std::int64_t value, std::int64_t low, std::int64_t high, const char* field, const std::string& where)
{
    if (value >= low && value <= high)
        return;
    throw Error(ErrorCode::BadInput,
                where + ": " + field + " is " + std::to_string(value) + ", expected " + std::to_string(low) + " to "
                    + std::to_string(high),
                "the configuration is damaged or not of a decoder-only language model");
}

}  // namespace

double ModelShape::attentionScale() const noexcept { return 1.0 / std::sqrt(static_cast<double>(headSize)); }

std::uint64_t ModelShape::layerParameterCount() const noexcept
{
    std::int64_t count = 2 * hidden + (qkNorm ? 2 * headSize : 0);
    for (const Linear linear : kLinears) {
        const LinearShape s = shapeOf(linear, *this);
        count += s.in * s.out + (hasBias(linear, *this) ? s.out : 0);
    }
    return static_cast<std::uint64_t>(count);
}

std::uint64_t ModelShape::parameterCount() const noexcept
{
    const auto table = static_cast<std::uint64_t>(vocab * hidden);
    return static_cast<std::uint64_t>(layers) * layerParameterCount() + static_cast<std::uint64_t>(hidden)
         + (tiedHead ? table : 2 * table);
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
    if (shape.heads % shape.kvHeads != 0)
        throw Error(ErrorCode::BadInput, where + ": " + std::to_string(shape.heads) + " heads are not a multiple of "
                                             + std::to_string(shape.kvHeads) + " kv heads");
    if (shape.headSize % 2 != 0)
        throw Error(ErrorCode::BadInput, where + ": head size " + std::to_string(shape.headSize) + " is odd, rotary positions need pairs");
    if (!(shape.normEps > 0 && shape.normEps < 1) || !(shape.ropeTheta > 0) || !std::isfinite(shape.ropeTheta))
        throw Error(ErrorCode::BadInput, where + ": the norm epsilon or the rope theta is out of range");
    if (!(shape.ropeScaling.factor > 0) || !std::isfinite(shape.ropeScaling.factor))
        throw Error(ErrorCode::BadInput, where + ": the rope scaling factor is out of range");
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
