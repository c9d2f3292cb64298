// SPDX-License-Identifier: GPL-3.0-or-later
// A point a run can go on from, as a folder that is whole or not there: adapter, moments, data position, and a manifest with hashes.
// All randomness is keyed by counters, so the step and the sampler's two numbers are the whole random state.
#pragma once

#include "engine/data/sampler.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lorikeet::train {

struct Checkpoint {
    std::int64_t step = 0;
    data::SamplerState sampler;
    std::int64_t totalTokens = 0;
    double secondsBefore = 0;       ///< training time up to here
    std::uint64_t eventBytes = 0;   ///< length of events.jsonl that belongs to these steps
    std::int64_t evaluatedStep = -1;  ///< the step that was evaluated last; -1: none
    std::optional<double> validationLossBefore;
    std::optional<double> validationLossLast;
    std::vector<float> adapter;
    std::vector<float> moment1;
    std::vector<float> moment2;
};

inline constexpr int kCheckpointVersion = 1;

/// Writes `checkpoints/step-N` atomically and removes all but the newest two. Returns the folder. @throws Error{Target}
std::filesystem::path writeCheckpoint(const std::filesystem::path& runFolder, const Checkpoint& checkpoint);

/// True when a checkpoint was ever finished there, damaged or not.
[[nodiscard]] bool hasCheckpoint(const std::filesystem::path& runFolder);

/// The newest checkpoint whose manifest and hashes hold; damaged ones are passed over and named in `skipped`.
/// @throws Error{BadInput} when there is none.
[[nodiscard]] Checkpoint readNewestCheckpoint(const std::filesystem::path& runFolder, std::vector<std::string>& skipped);

}  // namespace lorikeet::train
