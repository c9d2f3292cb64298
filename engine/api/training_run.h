// SPDX-License-Identifier: GPL-3.0-or-later
// A training run: own thread, orders in, events out. The window and the command line drive the same object.
#pragma once

#include "engine/api/generation.h"
#include "engine/spec/job.h"
#include "engine/spec/run_event.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace lorikeet::api {

/// How to start.
struct RunOptions {
    Job job;                          ///< paths absolute (loadJobFile or resolvePaths)
    std::filesystem::path runFolder;  ///< empty: a new folder under the data folder
    bool resume = false;              ///< continue the run in runFolder from its newest valid checkpoint
    bool checkMemory = false;         ///< checking mode: NaN what is not live, guard bytes behind every buffer (slow; CPU only). Always on in debug builds
};

/// The interface both the real run and the scripted run of the tests implement. All functions may be called from any thread and
/// return at once, except the destructor, which stops and joins.
class TrainingRun {
public:
    virtual ~TrainingRun() = default;

    /// Begins; Idle -> Starting. `wake` is called when events wait, at most once until takeEvents(), on the run's thread or on one
    /// that gives an order.
    virtual void start(std::function<void()> wake) = 0;
    virtual void pause() = 0;
    virtual void resume() = 0;
    /// Stopping from now on: ends after the current program point; the partial step is thrown away, a checkpoint and the adapter are
    /// written.
    virtual void stopAndKeep() = 0;
    /// Writes a checkpoint after the current step.
    virtual void saveNow() = 0;

    [[nodiscard]] virtual RunState state() const = 0;
    /// All events since the last call, in order, none lost.
    [[nodiscard]] virtual std::vector<RunEvent> takeEvents() = 0;
    /// The newest memory measurement and progress, if new ones came.
    [[nodiscard]] virtual std::optional<MemoryMeasured> takeMemory() = 0;
    [[nodiscard]] virtual std::optional<Progress> takeProgress() = 0;
    /// Waits until Ended.
    virtual void wait() = 0;
};

/// A run of the engine. Throws nothing: problems arrive as RunEnded.
[[nodiscard]] std::unique_ptr<TrainingRun> makeTrainingRun(RunOptions options);

/// Where a new run with this job would be written: data folder / "runs" / "<date>-<model>-<n>".
[[nodiscard]] std::filesystem::path proposeRunFolder(const Job& job);

/// Runs that lie in a folder, newest first (for the lists of window and CLI).
struct RunInfo {
    std::filesystem::path folder;
    std::string model;
    std::string data;
    std::string created;  ///< ISO 8601, UTC
    std::int64_t lastStep = 0;
    std::int64_t totalSteps = 0;
    std::optional<double> lastLoss;
    std::optional<double> validationLoss;
    bool finished = false;
    bool hasAdapter = false;
    bool hasModel = false;  ///< of a full fine-tuning: RUN/model holds all weights
    BaseWeights base;       ///< what the adapter belongs to
};
/// @throws Error{BadInput} when the folder is not a run.
[[nodiscard]] RunInfo inspectRun(const std::filesystem::path& runFolder);
[[nodiscard]] std::vector<RunInfo> listRuns(const std::filesystem::path& runsFolder);

}  // namespace lorikeet::api
