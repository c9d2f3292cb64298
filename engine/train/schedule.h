// SPDX-License-Identifier: GPL-3.0-or-later
// The learning rate over the run, as transformers' schedulers compute it (transformers/optimization.py).
#pragma once

#include "engine/spec/job.h"

#include <cstdint>

namespace lorikeet::train {

/// Warm-up steps: ceil(warmup_ratio * totalSteps).
[[nodiscard]] std::int64_t warmupSteps(const Job& job, std::int64_t totalSteps);

/// Rate of step `step` (from 1) of `totalSteps`: linear from 0 over the warm-up, then cosine or linear to 0, or constant. The
/// first step of a warm-up has rate 0, as with transformers.
[[nodiscard]] double learningRateAt(const Job& job, std::int64_t step, std::int64_t totalSteps);

}  // namespace lorikeet::train
