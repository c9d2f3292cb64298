// SPDX-License-Identifier: GPL-3.0-or-later
// What a run tells the world while it goes on: plain values, copied across threads, written as lines of events.jsonl and printed
// by `lorikeet-cli train --json`.
#pragma once

#include "engine/base/error.h"
#include "engine/base/progress.h"

#include <nlohmann/json_fwd.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace lorikeet {

/// Bytes by category, in the order weights, activations, gradients, optimizer, buffers.
using CategoryBytes = std::array<std::uint64_t, 5>;

/// State of a run, as architecture.md draws it.
enum class RunState : std::uint8_t { Idle, Starting, Running, Paused, Stopping, Ended };

/// The run began: sizes that do not change any more.
struct RunStarted {
    std::int64_t totalSteps = 0;
    std::int64_t firstStep = 0;  ///< > 0 after a resume
    std::int64_t trainRows = 0;
    std::int64_t validationRows = 0;
    std::int64_t trainTokens = 0;       ///< per epoch
    std::int64_t supervisedTokens = 0;  ///< per epoch
    std::uint64_t trainableParameters = 0;
    CategoryBytes plannedBytes{};
    std::string device;
    std::string runFolder;
};

/// One optimizer step.
struct StepDone {
    std::int64_t step = 0;  ///< from 1
    double epoch = 0;
    double loss = 0;  ///< mean over the supervised tokens of the global batch
    double learningRate = 0;
    double gradNorm = 0;  ///< before clipping
    std::int64_t tokens = 0;            ///< real tokens of this step
    std::int64_t supervisedTokens = 0;
    std::int64_t totalTokens = 0;       ///< since the start of the run
    double seconds = 0;
    double tokensPerSecond = 0;  ///< over this step
    double etaSeconds = 0;       ///< for the rest of the run
};

/// One pass over the validation rows.
struct EvalDone {
    std::int64_t step = 0;
    double loss = 0;
    std::int64_t supervisedTokens = 0;
    double seconds = 0;
};

/// What the model answered to run.sample_prompt at an evaluation, greedily.
struct SampleDone {
    std::int64_t step = 0;
    std::string prompt;
    std::string text;
    std::int64_t tokens = 0;
    double seconds = 0;
};

/// Measured bytes by category beside the plan.
struct MemoryMeasured {
    std::int64_t step = 0;
    std::string phase;  ///< "load", "train", "evaluate", "sample", "save"
    CategoryBytes liveBytes{};
    std::uint64_t arenaBytes = 0;
    std::uint64_t residentBytes = 0;  ///< of the process (CPU), or used on the device (CUDA)
};

struct CheckpointSaved {
    std::int64_t step = 0;
    std::string folder;
};

struct StateChanged {
    RunState state = RunState::Idle;
};

/// Progress of a phase that is not a step: loading, tokenising, hashing, exporting.
struct PhaseProgress {
    Progress progress;
};

/// Something the user should know that does not end the run: rows dropped, cut, ...
struct RunNotice {
    std::string message;
};

/// The last event of every run.
struct RunEnded {
    enum class Status : std::uint8_t { Done, Stopped, Failed };
    Status status = Status::Done;
    std::int64_t step = 0;
    double seconds = 0;
    std::optional<double> validationLossBefore;
    std::optional<double> validationLossAfter;
    std::string adapterFolder;  ///< where the adapter was written; empty if none
    std::optional<std::string> modelFolder;  ///< of a full fine-tuning: where the model was written
    ErrorCode errorCode = ErrorCode::Internal;  ///< with Failed
    std::string errorMessage;
    std::string errorHint;
};

using RunEvent = std::variant<RunStarted, StepDone, EvalDone, SampleDone, MemoryMeasured, CheckpointSaved, StateChanged, PhaseProgress, RunNotice, RunEnded>;

/// One line of events.jsonl and of --json: {"v":1,"event":"step",...}. Schemas: app/README.md.
[[nodiscard]] nlohmann::ordered_json toJson(const RunEvent& event);
/// @throws Error{BadInput} when the line is not an event of a version we know.
[[nodiscard]] RunEvent runEventFromJson(const nlohmann::ordered_json& line);

inline constexpr int kEventVersion = 1;

}  // namespace lorikeet
