// SPDX-License-Identifier: GPL-3.0-or-later
// An engine that plays a script: no LibTorch, no files, every outcome on demand. For the tests of the window.
#pragma once

#include "ui/engine_verbs.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace lorikeet::test {

/// What a scripted run does.
struct RunScript {
    std::int64_t steps = 40;
    std::chrono::milliseconds stepTime{2};
    std::chrono::milliseconds startTime{5};
    std::chrono::milliseconds stopTime{5};  ///< from the order to the end
    std::optional<Error> failure;           ///< thrown at failAtStep
    std::int64_t failAtStep = 0;
    std::int64_t nanAtStep = 0;             ///< this loss is not a number; 0: none
    double measuredFactor = 1.0;            ///< measured bytes = planned x this
    CategoryBytes plannedBytes{};
    bool validates = true;                  ///< tells a validation loss at each evaluation
    std::string samplePrompt;               ///< of the job that is run
};

/// State all scripted verbs share; outlives the window.
struct ScriptedEngine {
    RunScript script;
    bool starterThere = true;
    std::string family = "llama";        ///< of every model
    std::chrono::milliseconds inspectTime{0};
    std::optional<Error> modelFailure;   ///< for the path "broken"
    std::optional<Error> exportFailure;
    std::atomic<int> summaries{0};
    std::atomic<int> runsMade{0};
    std::mutex mutex;                    ///< guards what stands below
    std::vector<api::RunInfo> runs;
    std::vector<api::RunInfo> elsewhere;         ///< found when they are asked for by folder
    std::vector<std::string> askedModels;
    std::vector<ui::ModelRequest> loadedModels;  ///< to be answered with

    [[nodiscard]] ui::EngineVerbs verbs();
    /// While a window may be asking.
    void setRuns(std::vector<api::RunInfo> infos)
    {
        const std::lock_guard lock(mutex);
        runs = std::move(infos);
    }
    void setElsewhere(std::vector<api::RunInfo> infos)
    {
        const std::lock_guard lock(mutex);
        elsewhere = std::move(infos);
    }
};

/// SmolLM2-135M's numbers.
[[nodiscard]] ModelShape smallShape();
/// A CPU with 16 GiB of which 12 can be used.
[[nodiscard]] DeviceSpec smallDevice();

}  // namespace lorikeet::test
