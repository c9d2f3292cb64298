// SPDX-License-Identifier: GPL-3.0-or-later
// Order, shapes and names of the parameters (names: transformers modeling_llama / qwen2 / qwen3; gguf-py tensor_mapping).
#include "engine/formats/parameters.h"

namespace lorikeet::formats {

namespace {

void appendLinear(std::vector<ParamId>& ids, const ModelShape& shape, int layer, Linear linear)
{
    ids.push_back(weightId(layer, linear));
    if (hasBias(linear, shape))
        ids.push_back(biasId(layer, linear));
}

void appendLayer(std::vector<ParamId>& ids, const ModelShape& shape, int layer)
{
    if (!shape.normAfter)
        ids.push_back(normId(ParamKind::LayerNormIn, layer));
    for (const Linear linear : {Linear::Q, Linear::K, Linear::V})
        appendLinear(ids, shape, layer, linear);
    if (shape.qkNorm) {
        ids.push_back(normId(ParamKind::QNorm, layer));
        ids.push_back(normId(ParamKind::KNorm, layer));
    }
    appendLinear(ids, shape, layer, Linear::O);
    ids.push_back(normId(shape.normAfter ? ParamKind::NormAfterAttention : ParamKind::LayerNormMid, layer));
    for (const Linear linear : {Linear::Gate, Linear::Up, Linear::Down})
        appendLinear(ids, shape, layer, linear);
    if (shape.normAfter)
        ids.push_back(normId(ParamKind::NormAfterMlp, layer));
}

const char* ggufModuleOf(Linear linear) noexcept
{
    switch (linear) {
    case Linear::Q: return "attn_q";
    case Linear::K: return "attn_k";
    case Linear::V: return "attn_v";
    case Linear::O: return "attn_output";
    case Linear::Gate: return "ffn_gate";
    case Linear::Up: return "ffn_up";
    case Linear::Down: return "ffn_down";
    }
    return "?";
}

}  // namespace

std::vector<ParamId> parametersOf(const ModelShape& shape)
{
    std::vector<ParamId> ids;
    ids.push_back(embeddingId());
    for (int layer = 0; layer < static_cast<int>(shape.layers); ++layer)
        appendLayer(ids, shape, layer);
    ids.push_back(finalNormId());
    if (!shape.tiedHead)
        ids.push_back(headId());
    return ids;
}

std::array<std::int64_t, 2> shapeOf(ParamId id, const ModelShape& shape)
{
    switch (id.kind) {
    case ParamKind::Embedding:
    case ParamKind::Head: return {shape.vocab, shape.hidden};
    case ParamKind::LayerNormIn:
    case ParamKind::LayerNormMid:
    case ParamKind::NormAfterAttention:
    case ParamKind::NormAfterMlp:
    case ParamKind::FinalNorm: return {shape.hidden, 1};
    case ParamKind::QNorm: return {shape.qNormWidth(), 1};
    case ParamKind::KNorm: return {shape.kNormWidth(), 1};
    case ParamKind::LinearWeight: {
        const LinearShape linear = lorikeet::shapeOf(id.linear, shape);
        return {linear.out, linear.in};
    }
    case ParamKind::LinearBias: return {lorikeet::shapeOf(id.linear, shape).out, 1};
    }
    return {0, 0};
}

std::vector<std::int64_t> fileShapeOf(ParamId id, const ModelShape& shape)
{
    const auto [rows, columns] = shapeOf(id, shape);
    return isVector(id.kind) ? std::vector<std::int64_t>{rows} : std::vector<std::int64_t>{rows, columns};
}

std::int64_t elementCountOf(ParamId id, const ModelShape& shape)
{
    const auto [rows, columns] = shapeOf(id, shape);
    return rows * columns;
}

std::string hfNameOf(ParamId id)
{
    const std::string layer = "model.layers." + std::to_string(id.layer) + ".";
    switch (id.kind) {
    case ParamKind::Embedding: return "model.embed_tokens.weight";
    case ParamKind::LayerNormIn: return layer + "input_layernorm.weight";
    case ParamKind::LayerNormMid:
    case ParamKind::NormAfterAttention: return layer + "post_attention_layernorm.weight";
    case ParamKind::NormAfterMlp: return layer + "post_feedforward_layernorm.weight";
    case ParamKind::QNorm: return layer + "self_attn.q_norm.weight";
    case ParamKind::KNorm: return layer + "self_attn.k_norm.weight";
    case ParamKind::FinalNorm: return "model.norm.weight";
    case ParamKind::Head: return "lm_head.weight";
    case ParamKind::LinearWeight: return layer + modulePathOf(id.linear) + ".weight";
    case ParamKind::LinearBias: return layer + modulePathOf(id.linear) + ".bias";
    }
    return "?";
}

std::string ggufNameOf(ParamId id)
{
    const std::string layer = "blk." + std::to_string(id.layer) + ".";
    switch (id.kind) {
    case ParamKind::Embedding: return "token_embd.weight";
    case ParamKind::LayerNormIn: return layer + "attn_norm.weight";
    case ParamKind::LayerNormMid: return layer + "ffn_norm.weight";
    case ParamKind::NormAfterAttention: return layer + "post_attention_norm.weight";
    case ParamKind::NormAfterMlp: return layer + "post_ffw_norm.weight";
    case ParamKind::QNorm: return layer + "attn_q_norm.weight";
    case ParamKind::KNorm: return layer + "attn_k_norm.weight";
    case ParamKind::FinalNorm: return "output_norm.weight";
    case ParamKind::Head: return "output.weight";
    case ParamKind::LinearWeight: return layer + ggufModuleOf(id.linear) + ".weight";
    case ParamKind::LinearBias: return layer + ggufModuleOf(id.linear) + ".bias";
    }
    return "?";
}

bool isVector(ParamKind kind) noexcept
{
    return kind != ParamKind::Embedding && kind != ParamKind::Head && kind != ParamKind::LinearWeight;
}

}  // namespace lorikeet::formats
