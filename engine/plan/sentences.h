// SPDX-License-Identifier: GPL-3.0-or-later
// The plain sentence of every line of the budget. Internal to the room.
#pragma once

#include "engine/plan/memory_plan.h"

#include <string>
#include <string_view>
#include <vector>

namespace lorikeet::plan {

/// What is in a line of this plan: where parts are trained, quantised or on the host, the sentence names those that are left. `members`
/// are buffers of the plan.
[[nodiscard]] std::string sentenceOf(std::string_view term, const std::vector<const Buffer*>& members, const MemoryPlan& plan);
/// The same of a line that no buffer owns.
[[nodiscard]] std::string sentenceOf(std::string_view term);

}  // namespace lorikeet::plan
