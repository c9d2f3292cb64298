// SPDX-License-Identifier: GPL-3.0-or-later
// What a run trained as an adapter that fits the base model as it is.
#pragma once

#include "engine/plan/layout.h"
#include "engine/spec/job.h"

#include <filesystem>
#include <span>
#include <vector>

namespace lorikeet::train {

struct PlainAdapter {
    Job job;  ///< its PEFT configuration is this job's
    std::vector<plan::AdapterSlot> slots;
    std::vector<float> flat;  ///< laid out by `slots`
};

/// `masters` as they are; of a PiSSA run less what it started from, which its folder keeps: twice the rank, the same scale.
/// @throws Error{BadInput} when that file is missing or damaged.
[[nodiscard]] PlainAdapter plainAdapterOf(const Job& job, const std::filesystem::path& runFolder, const plan::Trained& trained, std::vector<float> masters);

/// The same adapter in a flat array laid out by `slots`, which has `elements`.
[[nodiscard]] std::vector<float> laidOutBy(std::span<const plan::AdapterSlot> slots, std::int64_t elements, const PlainAdapter& adapter);

}  // namespace lorikeet::train
