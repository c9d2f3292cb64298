// SPDX-License-Identifier: GPL-3.0-or-later
// How wide the search for the principal part of a weight is: planner and search must agree on it.
#pragma once

#include "engine/spec/model_shape.h"

#include <algorithm>
#include <cstdint>

namespace lorikeet::plan {

/// Maps whose smaller side is at most this are decomposed exactly.
inline constexpr std::int64_t kExactPrincipal = 128;

/// Directions that are followed to find the `rank` strongest of a map [out, in]: all of them where that is cheap, else some more than asked
/// for (Halko, Martinsson, Tropp 2011, arXiv:0909.4061: the oversampling decides how sure the last of them are). At most min(in, out).
[[nodiscard]] inline std::int64_t principalColumns(std::int64_t rank, LinearShape map)
{
    const std::int64_t all = std::min(map.in, map.out);
    return all <= kExactPrincipal ? all : std::min(all, rank + std::clamp<std::int64_t>(rank, 16, 64));
}

}  // namespace lorikeet::plan
