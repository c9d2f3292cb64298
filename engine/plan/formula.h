// SPDX-License-Identifier: GPL-3.0-or-later
// The arithmetic behind a line of the budget, with this job's numbers. Internal to the room.
#pragma once

#include "engine/plan/memory_plan.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lorikeet::plan {

/// "30 layers x 1,024 tokens x (576 + 2 x 1,536) x 2 B" for a family of buffers. Without its words and thousands separators it is an
/// expression of +, x and parentheses whose value is the sum of the members' bytes. `members` are in the order of the plan.
[[nodiscard]] std::string formulaOf(const std::vector<const Buffer*>& members, const Layout& layout);

}  // namespace lorikeet::plan
