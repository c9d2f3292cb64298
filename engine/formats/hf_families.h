// SPDX-License-Identifier: GPL-3.0-or-later
// What the configuration class of each model type assumes (transformers 5 configuration_*.py and modeling_*.py): defaults of absent fields
// and the parts a layer has. Types that runnableFamily() does not know are read for planning only.
#pragma once

#include "engine/formats/json_text.h"
#include "engine/spec/model_shape.h"

#include <cstdint>
#include <string_view>

namespace lorikeet::formats {

/// Which maps of the attention a bias switch covers.
enum class BiasScope : std::uint8_t { None, Always, QkvAndOut, QkvOnly };

struct FamilyCounts {
    std::int64_t vocab, hidden, mlp, layers, heads;
    std::int64_t kvHeads;   ///< 0: as many as heads
    std::int64_t headSize;  ///< 0: hidden / heads
    std::int64_t maxContext;
};

struct FamilyDefaults {
    std::string_view family;
    FamilyCounts counts;
    std::int64_t slidingWindow = 0;   ///< 0: the class has no window, or none by default
    bool windowNeedsFlag = false;     ///< Qwen: only with use_sliding_window
    BiasScope attentionBias = BiasScope::None;
    const char* biasKey = "attention_bias";
    bool biasDefault = false;
    bool readsMlpBias = false;
    bool tied = false;
    const char* epsKey = "rms_norm_eps";
    double eps = 1e-6;
    double theta = 10000.0;
    std::int64_t norms = 2;           ///< over the hidden width, per layer
    bool normBias = false;
    bool headNorm = false;            ///< RMSNorm over the head size on q and k
    bool widthNorm = false;           ///< the same over all heads at once
    bool normAfter = false;           ///< norms behind attention and MLP, none in front
    const char* widthNormKey = nullptr;  ///< switch of the latter
    const char* parallelKey = nullptr;   ///< switch that leaves out the second norm
    std::int64_t slidingPeriod = 0;   ///< every N-th layer sees the whole context
    std::int64_t noRopePeriod = 0;    ///< every N-th layer has no rotary positions
    bool multipliers = false;         ///< of embedding, residual, attention and logits
};

/// @throws Error{BadInput} for an adapter, a missing or an unknown `model_type`.
[[nodiscard]] const FamilyDefaults& familyOf(const JsonFields& fields);
/// Whether `model_type` may say so.
[[nodiscard]] bool isReadableType(std::string_view type) noexcept;

/// What layers and streams of a family that runs have of their own: q/k norms and norms behind, layers without rotary positions, multipliers.
/// @throws Error{BadInput} for lists that are not periodic.
void readLayerQuirks(const JsonFields& fields, const FamilyDefaults& family, ModelShape& shape);

/// Biases, norms and window of a family that is only planned for.
void readPlannedQuirks(const JsonFields& fields, const FamilyDefaults& family, ModelShape& shape);

}  // namespace lorikeet::formats
