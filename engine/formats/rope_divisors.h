// SPDX-License-Identifier: GPL-3.0-or-later
// GGUF stores llama3 position scaling as a tensor of frequency divisors (rope_freqs.weight), not as its parameters. This finds the
// parameters again and proves that they give the same divisors.
#pragma once

#include "engine/spec/model_shape.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace lorikeet::formats {

/// Divisor of each of the headSize / 2 frequencies: the plain frequency theta^(-2i/d) over the scaled one (transformers
/// modeling_rope_utils, types "linear", "llama3" and "yarn", whose factor of cosine and sine is not in it).
[[nodiscard]] std::vector<double> ropeDivisors(const RopeScaling& scaling, double theta, std::int64_t headSize);

/// A scaling whose divisors equal `divisors` within 1e-4 relative; nothing when there is none (longrope, yarn, or a damaged tensor).
/// Only the ratios of originalContext, lowFrequencyFactor and highFrequencyFactor can be known: low is taken as 1 where that makes the
/// others whole numbers.
[[nodiscard]] std::optional<RopeScaling> recoverRopeScaling(std::span<const float> divisors, double theta, std::int64_t headSize);

}  // namespace lorikeet::formats
