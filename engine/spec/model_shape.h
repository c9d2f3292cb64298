// SPDX-License-Identifier: GPL-3.0-or-later
// The numbers of a decoder-only transformer that decide its buffers and its arithmetic. A family sets the quirks; one block
// runs them all.
//
// Legend: L layers, H hidden, Q = heads x head size (query width), K = kv heads x head size, F MLP width, V vocabulary.
#pragma once

#include "engine/spec/dtype.h"

#include <array>
#include <cstdint>
#include <string>

namespace lorikeet {

/// Position scaling of the rotary embedding. Llama3: frequencies are divided by `factor` below `lowFrequencyFactor`, kept above
/// `highFrequencyFactor`, blended between (transformers modeling_rope_utils, type "llama3"); Linear: all divided by `factor`; Yarn: divided where
/// a frequency turns less than betaSlow times in the original context, kept where more than betaFast times, blended by index between
/// (Peng et al. 2023, arXiv:2309.00071), cosine and sine times attentionFactor; Dynamic: none within the model's context, and beyond it one that
/// depends on the length of each row, so that such a model is never run there.
struct RopeScaling {
    enum class Type : std::uint8_t { None, Linear, Llama3, Yarn, Dynamic };
    Type type = Type::None;
    double factor = 1.0;
    double lowFrequencyFactor = 1.0;
    double highFrequencyFactor = 4.0;
    std::int64_t originalContext = 8192;
    double betaFast = 32.0;
    double betaSlow = 1.0;
    double attentionFactor = 1.0;
    bool wholeDims = true;  ///< Yarn: the ends of the blend are rounded outwards to whole dimensions

    /// Yarn: share of dividing by the factor, 0 to 1, at each of headSize / 2 frequencies of this theta.
    [[nodiscard]] double yarnShare(std::int64_t index, double theta, std::int64_t headSize) const noexcept;

    bool operator==(const RopeScaling&) const = default;
};

/// Shape and quirks of one model. All counts are positive once validateShape() accepted it.
struct ModelShape {
    std::string family;  ///< model_type of config.json: "llama" (SmolLM2 too), "qwen3", "gemma2"; see runnableFamily()
    std::string name;    ///< display name: "SmolLM2-135M-Instruct"
    std::int64_t layers = 0;
    std::int64_t hidden = 0;
    std::int64_t heads = 0;
    std::int64_t kvHeads = 0;
    std::int64_t headSize = 0;
    std::int64_t mlp = 0;
    std::int64_t vocab = 0;       ///< rows of the embedding table and of the head
    std::int64_t addedRows = 0;   ///< of them, rows that a job or an adapter put behind those of the model
    std::int64_t maxContext = 0;  ///< positions the model was made for
    double normEps = 1e-5;
    double ropeTheta = 10000.0;
    RopeScaling ropeScaling;
    bool qkvBias = false;
    bool outBias = false;  ///< bias of the attention output projection
    bool mlpBias = false;
    bool qkNorm = false;    ///< RMSNorm over the head size on q and k before rope (Qwen3)
    bool qkNormWholeWidth = false;  ///< with qkNorm: over all heads at once (OLMo 2)
    bool normAfter = false;  ///< attention and MLP have their norm behind them, before the stream, and none in front (OLMo 2)
    bool tiedHead = false;  ///< the head is the embedding table
    std::int64_t slidingWindow = 0;  ///< 0: full attention
    std::int64_t slidingFrom = 0;    ///< with a window: layers before this one see the whole context (Qwen)
    std::int64_t noRopePeriod = 0;   ///< every N-th layer has no rotary positions (SmolLM3: 4); 0: all have
    double embeddingScale = 1.0;     ///< of the embedded tokens (Granite)
    double residualScale = 1.0;      ///< of what a branch adds to the stream (Granite)
    double attentionMultiplier = 0;  ///< of the attention scores (Granite); 0: 1 / sqrt(head size)
    double logitDivisor = 1.0;       ///< logits are divided by it (Granite)
    // Of families that can be planned for only:
    std::int64_t normsPerLayer = 2;    ///< norms over the hidden width: 4 in Gemma 2 and 3, 1 in Command R
    bool normBias = false;             ///< LayerNorm with a bias (StableLM)
    std::int64_t slidingPeriod = 0;    ///< every N-th layer sees the whole context (Gemma 2: 2, Gemma 3: 6); 0: all layers are alike
    DType storage = DType::BF16;     ///< element type in the file (fp32 for quantised GGUF tensors, which are widened)

    [[nodiscard]] std::int64_t queryWidth() const noexcept { return heads * headSize; }
    [[nodiscard]] std::int64_t kvWidth() const noexcept { return kvHeads * headSize; }
    [[nodiscard]] std::int64_t qNormWidth() const noexcept { return qkNormWholeWidth ? queryWidth() : headSize; }
    [[nodiscard]] std::int64_t kNormWidth() const noexcept { return qkNormWholeWidth ? kvWidth() : headSize; }
    /// Tokens that a query of this layer sees, 0: all before it. For families that run.
    [[nodiscard]] std::int64_t windowOf(std::int64_t layer) const noexcept { return layer < slidingFrom ? 0 : slidingWindow; }
    /// Whether q and k of this layer are turned by their positions.
    [[nodiscard]] bool hasRope(std::int64_t layer) const noexcept { return noRopePeriod == 0 || (layer + 1) % noRopePeriod != 0; }
    /// Scale of the attention scores: the multiplier, or 1 / sqrt(head size).
    [[nodiscard]] double attentionScale() const noexcept;
    /// Parameters as published: a tied head counts once.
    [[nodiscard]] std::uint64_t parameterCount() const noexcept;
    /// Parameters of one layer (matrices, biases, norm gains).
    [[nodiscard]] std::uint64_t layerParameterCount() const noexcept;
    /// Gains and biases of one layer's norms, q and k norms included.
    [[nodiscard]] std::uint64_t layerNormParameterCount() const noexcept;

    bool operator==(const ModelShape&) const = default;
};

/// @throws Error{BadInput} naming the field: zero or absurd counts, heads not a multiple of kvHeads, odd head size, more than
/// kMostParameters parameters. `where` is the file shown in the message.
void validateShape(const ModelShape& shape, const std::string& where);
inline constexpr std::uint64_t kMostParameters = 1'000'000'000'000'000;  ///< 10^15: bytes of weights, gradients and moments stay far from 2^64

/// Whether the engine has the arithmetic of this family. The others can be planned for and not run.
[[nodiscard]] bool runnableFamily(const ModelShape& shape) noexcept;
/// @throws Error{BadInput} in one sentence when it has not. `where` is the model in the message.
void requireRunnableFamily(const ModelShape& shape, const std::string& where);

/// The seven linear maps of a block, in the order the plan, the adapter and the exported files list them.
enum class Linear : std::uint8_t { Q, K, V, O, Gate, Up, Down };
inline constexpr std::array<Linear, 7> kLinears{Linear::Q, Linear::K, Linear::V, Linear::O, Linear::Gate, Linear::Up, Linear::Down};

/// "q_proj" ... "down_proj".
[[nodiscard]] const char* nameOf(Linear linear) noexcept;
/// Module path inside a layer as Hugging Face names it: "self_attn.q_proj" ... "mlp.down_proj".
[[nodiscard]] const char* modulePathOf(Linear linear) noexcept;

/// Input and output width of a linear map; stored weight is [out, in].
struct LinearShape {
    std::int64_t in = 0;
    std::int64_t out = 0;
};
[[nodiscard]] LinearShape shapeOf(Linear linear, const ModelShape& shape) noexcept;
/// Whether this map has a bias in this model.
[[nodiscard]] bool hasBias(Linear linear, const ModelShape& shape) noexcept;

}  // namespace lorikeet
