// SPDX-License-Identifier: GPL-3.0-or-later
// Pieces of the levers that the solver and the what-if series share. Internal to the room.
#pragma once

#include "engine/plan/fit.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lorikeet::plan {

/// Level `high` in the first layers, `low` in the others, and nowhere less than the job has now.
struct RecomputeFamily {
    std::vector<Recompute> current;
    Recompute low = Recompute::KeepAll;
    Recompute high = Recompute::KeepAll;

    [[nodiscard]] Job with(const Job& job, std::int64_t layers) const;
};
[[nodiscard]] std::vector<RecomputeFamily> recomputeFamilies(const ModelShape& shape, const Job& job);

/// "1", or by layer range "0-9:3,10-27:1".
[[nodiscard]] std::string recomputeText(const std::vector<Recompute>& levels);

/// The job with another rank, alpha in proportion.
[[nodiscard]] Job withRank(const Job& job, std::int64_t rank);

}  // namespace lorikeet::plan
