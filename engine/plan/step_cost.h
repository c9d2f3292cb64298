// SPDX-License-Identifier: GPL-3.0-or-later
// The work of one optimizer step, counted: floating-point operations and bytes by kind of work, from the model's shape and the job.
// A frozen matrix costs 2 FLOP per weight and token forward and 2 backward (its input's gradient); only what is trained costs 2 more
// (its own gradient). Recomputed work is counted apart: it takes time, but MFU does not count it.
//
// Legend: T token slots of a micro-batch, s mean document length, f share of supervised tokens, H hidden, Q query width, K kv width,
// F MLP width, V vocabulary, r rank, L layers.
#pragma once

#include "engine/plan/step_work.h"
#include "engine/spec/device_spec.h"
#include "engine/spec/job.h"
#include "engine/spec/model_shape.h"

namespace lorikeet::plan {

/// What the data make of a step. The defaults are the most a step can cost: every slot filled, documents as long as the context, every
/// token supervised.
struct Workload {
    double documentTokens = 0;    ///< mean length of a document; 0: the context
    double supervisedShare = 1;   ///< share of the tokens that the loss counts
    double fill = 1;              ///< tokens / slots of a micro-batch

    bool operator==(const Workload&) const = default;
};

/// Counts a step of `job`. Sources of the counts: PaLM (arXiv:2204.02311, appendix B) for 2 FLOP per weight and token and for MFU;
/// FlashAttention-2 (arXiv:2307.08691, section 4.1) for attention's 2 products forward and 5 backward.
/// @throws Error{Usage} as recomputeLevels() and targetsOf() do.
[[nodiscard]] StepCost stepCost(const ModelShape& shape, const Job& job, const Workload& workload = {});

}  // namespace lorikeet::plan
