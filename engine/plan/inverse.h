// SPDX-License-Identifier: GPL-3.0-or-later
// The budget asked the other way round: which card is enough for this job, and how long a context this card can train.
#pragma once

#include "engine/plan/fit.h"

#include <span>

namespace lorikeet::plan {

/// A job on one card.
struct CardAnswer {
    DeviceSpec device;
    std::uint64_t totalBytes = 0;
    Verdict verdict = Verdict::DoesNotFit;
    bool canRun = true;  ///< false: planned for only (no bf16 arithmetic)
    StepForecast forecast;
};

/// Answer of smallestCard(). Indices count in `cards`; -1: none.
struct SmallestCard {
    std::vector<CardAnswer> cards;  ///< small to large by memory
    int asItIs = -1;                ///< the smallest that trains the job as it is
    int withLevers = -1;            ///< the smallest that trains it with Neutral and Bounded levers
    FitWay way;                     ///< those levers
};

/// What kernels need on a device.
using CostsOn = std::function<KernelCosts(const Job&, const DeviceSpec&)>;

/// The smallest card that trains the job: as it is, and with Neutral and Bounded levers. Cards that cannot run a training job are listed
/// but never named. @throws Error{Usage} as plan()
[[nodiscard]] SmallestCard smallestCard(const ModelShape& shape, const Job& job, std::span<const DeviceSpec> cards, const CostsOn& costs,
                                        const FitOptions& options = {});

/// Answer of longestContext().
struct LongestContext {
    std::int64_t context = 0;  ///< tokens, a multiple of 64 (or the model's limit); 0: not even 64 fit
    std::uint64_t totalBytes = 0;
    bool limitedByModel = false;  ///< memory would allow more than the model was made for
    std::int64_t contextWithLevers = 0;  ///< with every lever turned that leaves the result as it is: see jobWithLevers
    std::uint64_t totalBytesWithLevers = 0;
    std::uint64_t hostBytesWithLevers = 0;  ///< what those levers put into host memory
    bool withLeversLimitedByModel = false;
    Job job;            ///< the job with `context`
    Job jobWithLevers;
};

/// The longest context with everything else as it is, and with the Neutral levers fully turned. @throws Error{Usage} as plan()
[[nodiscard]] LongestContext longestContext(const ModelShape& shape, const Job& job, const DeviceSpec& device, const CostsOf& costs,
                                            const FitOptions& options = {});

}  // namespace lorikeet::plan
