// SPDX-License-Identifier: GPL-3.0-or-later
// Rotary positions of a Hugging Face configuration: `rope_parameters` (transformers 5) or `rope_theta` + `rope_scaling` (4.x), types
// default, linear, dynamic, llama3 and yarn (transformers modeling_rope_utils.py).
#pragma once

#include "engine/formats/json_text.h"
#include "engine/spec/model_shape.h"

#include <cstdint>

namespace lorikeet::formats {

struct HfRope {
    double theta = 10000.0;
    RopeScaling scaling;
};

/// `rope_scaling` goes before `rope_parameters`, as in transformers 5; a theta inside goes before the one at the top, which goes before `defaultTheta`. Without
/// `original_max_position_embeddings` llama3 and yarn count from `maxContext`. @throws Error{BadInput} for other types, partial rotary and
/// parameters per layer type.
[[nodiscard]] HfRope readHfRope(const JsonFields& config, std::int64_t maxContext, double defaultTheta);

/// Theta alone, for a family that is only planned for: its scaling changes no size.
[[nodiscard]] double plannedTheta(const JsonFields& config, double fallback);

}  // namespace lorikeet::formats
