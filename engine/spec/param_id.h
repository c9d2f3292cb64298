// SPDX-License-Identifier: GPL-3.0-or-later
// Which parameter of a decoder: its identity, by which files, plan and model speak of it.
#pragma once

#include "engine/spec/model_shape.h"

#include <compare>
#include <cstdint>

namespace lorikeet {

enum class ParamKind : std::uint8_t {
    Embedding,     ///< [V, H]
    LayerNormIn,   ///< [H, 1], input_layernorm: before the attention
    LayerNormMid,  ///< [H, 1], post_attention_layernorm: before the MLP
    QNorm,         ///< [head size, 1], or the query width (OLMo 2)
    KNorm,         ///< [head size, 1], or the kv width
    FinalNorm,     ///< [H, 1]
    Head,          ///< [V, H], only when the head is not tied
    LinearWeight,  ///< [out, in]
    LinearBias,    ///< [out, 1]
    NormAfterAttention,  ///< [H, 1], post_attention_layernorm of families whose norms come behind (OLMo 2)
    NormAfterMlp,        ///< [H, 1], post_feedforward_layernorm
};

/// One parameter of a ModelShape. `layer` counts for all but Embedding, FinalNorm and Head (-1 there); `linear` counts for
/// LinearWeight and LinearBias only and is Linear::Q elsewhere, so that two equal ids compare equal.
struct ParamId {
    ParamKind kind = ParamKind::Embedding;
    int layer = -1;
    Linear linear = Linear::Q;

    auto operator<=>(const ParamId&) const = default;
};

}  // namespace lorikeet
