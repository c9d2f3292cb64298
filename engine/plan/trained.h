// SPDX-License-Identifier: GPL-3.0-or-later
// What a job trains, and where each parameter lies in the flat buffers (one each for masters, working copies, gradients and optimizer
// state). Offsets count elements.
#pragma once

#include "engine/spec/model_shape.h"
#include "engine/spec/param_id.h"

#include <cstdint>
#include <vector>

namespace lorikeet::plan {

/// Rows of an adapted matrix whose norms are made at a time (DoRA).
inline constexpr std::int64_t kNormRows = 256;

/// Where the adapter of one linear map lies; A [r, in], B [out, r], with DoRA a magnitude m [out].
struct AdapterSlot {
    std::int32_t layer = 0;
    Linear linear = Linear::Q;
    std::int64_t rank = 0;
    double alpha = 0;
    double scale = 0;
    std::int64_t in = 0;
    std::int64_t out = 0;
    std::int64_t aOffset = 0;
    std::int64_t bOffset = 0;
    bool dora = false;
    std::int64_t mOffset = -1;     ///< of the magnitude
    std::int64_t normOffset = -1;  ///< of the row norms, in Layout::rowNorms
};

/// A parameter of the model that is itself trained: matrices [rows, cols], vectors [1, cols]. A tied head is the embedding's slot.
struct ParameterSlot {
    ParamId id;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    std::int64_t offset = 0;
};

/// Neighbours in the flat buffers that the optimizer treats alike.
struct OptimizerRange {
    std::int64_t offset = 0;
    std::int64_t count = 0;
    bool isB = false;      ///< LoRA+: the learning rate times recipe.loraplus_ratio; magnitudes too, as in PEFT
    bool decays = true;    ///< weight decay; norms and biases have none, as in transformers
};

/// All that is trained: adapters first, then parameters of the model: all of them in full fine-tuning, those of recipe.also_train beside
/// an adapter.
struct Trained {
    std::vector<AdapterSlot> adapters;
    std::vector<ParameterSlot> parameters;
    std::int64_t adapterElements = 0;    ///< elements of each flat buffer that are the adapters', padding included
    std::vector<OptimizerRange> ranges;  ///< cover all slots, in order
    std::int64_t elements = 0;           ///< of each flat buffer, padding included
    std::int64_t parameterCount = 0;     ///< without padding
};

}  // namespace lorikeet::plan
