// SPDX-License-Identifier: GPL-3.0-or-later
// A point a run can go on from, as a folder that is whole or not there: masters, optimizer state, data position, a manifest with hashes.
// All randomness is keyed by counters, so the step and the sampler's two numbers are the whole random state.
#pragma once

#include "engine/data/sampler.h"
#include "engine/formats/safetensors_reader.h"
#include "engine/train/trained_state.h"

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
    std::filesystem::path folder;  ///< of one that was read
};

/// 2: masters and state of any optimizer, all A before all B. Version 1 was never released.
inline constexpr int kCheckpointVersion = 2;

/// Writes `checkpoints/step-N` atomically, straight from the planned buffers, and removes all but the newest two. Returns the folder.
/// @throws Error{Target}
std::filesystem::path writeCheckpoint(const std::filesystem::path& runFolder, const Checkpoint& checkpoint, const TrainedState& state);

/// True when a checkpoint was ever finished there, damaged or not.
[[nodiscard]] bool hasCheckpoint(const std::filesystem::path& runFolder);

/// The newest checkpoint whose manifest and hashes hold; damaged ones are passed over and named in `skipped`.
/// @throws Error{BadInput} when there is none.
[[nodiscard]] Checkpoint readNewestCheckpoint(const std::filesystem::path& runFolder, std::vector<std::string>& skipped);

/// Fills masters and optimizer state and makes the working copy. @throws Error{BadInput} when they are of another job.
void restoreState(const Checkpoint& checkpoint, TrainedState& state);

/// The trained parameters of a checkpoint, read piece by piece.
class CheckpointMasters {
public:
    /// @throws Error{BadInput}
    explicit CheckpointMasters(const Checkpoint& checkpoint);
    [[nodiscard]] std::int64_t elements() const noexcept { return m_elements; }
    /// Masters [offset, offset + to.size()). @throws Error{BadInput}
    void read(std::int64_t offset, std::span<float> to) const;

private:
    formats::SafetensorsFile m_file;
    std::int64_t m_elements = 0;
};

}  // namespace lorikeet::train
