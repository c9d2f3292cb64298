// SPDX-License-Identifier: GPL-3.0-or-later
// One training run from job to trained adapter, on the calling thread. Knows nothing of windows, terminals or queues: it reports
// through hooks and looks at a stop token between program points.
#pragma once

#include "engine/base/progress.h"
#include "engine/data/dataset.h"
#include "engine/formats/model_source.h"
#include "engine/generate/model_text.h"
#include "engine/model/compute_device.h"
#include "engine/model/decoder.h"
#include "engine/train/checkpoint.h"
#include "engine/train/run_folder.h"
#include "engine/train/trained_state.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace lorikeet::train {

struct TrainerOptions {
    Job job;  ///< paths absolute
    std::filesystem::path modelPath;  ///< file or folder behind job.model.path
    DeviceSpec device;
    std::filesystem::path runFolder;
    bool resume = false;
    bool checkMemory = false;
    std::vector<std::pair<std::string, std::string>> versions;  ///< for run.json
};

/// How a run talks to the outside. All are called on the run's thread and must return quickly, but for `boundary`, which may wait
/// (pause) between steps.
struct TrainerHooks {
    std::function<void(const RunEvent&)> emit;
    std::function<void(const MemoryMeasured&)> memory;
    ProgressFn progress;
    std::function<void()> boundary;
    std::function<bool()> saveRequested;  ///< true once per request
    std::stop_token stop;
};

/// What a run leaves behind.
struct TrainerResult {
    bool stopped = false;
    std::int64_t step = 0;
    double seconds = 0;
    std::optional<double> validationLossBefore;
    std::optional<double> validationLossAfter;
};

class Trainer {
public:
    Trainer(TrainerOptions options, TrainerHooks hooks);
    ~Trainer();

    /// Loads, trains, evaluates, saves. After a stop request the partial step is thrown away and a checkpoint of the last whole
    /// one is written; so it is when memory runs out, where that is still possible. @throws Error
    TrainerResult run();

    [[nodiscard]] const formats::ModelSource& source() const { return *m_source; }
    [[nodiscard]] const plan::MemoryPlan& plan() const { return m_plan; }
    /// What was trained.
    [[nodiscard]] const TrainedState& state() const { return *m_state; }
    /// Checking mode: what was planned and never handed out or not wholly written.
    [[nodiscard]] model::PlannedMemory& memory() { return *m_memory; }

private:
    [[nodiscard]] TrainerResult runAll();
    void keepLastStep() noexcept;
    [[nodiscard]] Error outOfMemory() const;
    [[nodiscard]] Error notFinite(const StepDone& failed) const;
    void prepareData();
    void prepareSample();
    void prepareMemory();
    void prepareState();
    void loadModel();
    void startFromAdapter(const std::string& folder, std::span<float> flat);
    void startFromModules(const std::filesystem::path& folder);
    void claimFolder();
    void lockFolder();
    void prepareFolder();
    void resumeFrom(const RunRecord& now);
    void restore(const Checkpoint& checkpoint);
    [[nodiscard]] RunRecord record() const;
    void announce();
    void trainSteps();
    StepDone trainStep();
    [[nodiscard]] bool evaluationIsDue() const;
    void evaluate();
    [[nodiscard]] std::optional<EvalDone> validationLoss();
    [[nodiscard]] std::optional<SampleDone> sample();
    void save();
    void emit(const RunEvent& event);
    void report(const char* phase);

    TrainerOptions m_options;
    TrainerHooks m_hooks;
    std::unique_ptr<formats::ModelSource> m_source;
    data::Dataset m_data;
    std::unique_ptr<data::Sampler> m_sampler;
    generate::ModelText m_text;
    std::vector<std::int32_t> m_samplePrompt;  ///< tokens; empty: no samples
    std::vector<data::MicroBatch> m_validation;
    std::unique_ptr<model::ComputeDevice> m_device;
    kernels::Context m_context;
    plan::MemoryPlan m_plan;
    std::unique_ptr<model::PlannedMemory> m_memory;
    std::unique_ptr<model::Decoder> m_decoder;
    std::unique_ptr<TrainedState> m_state;
    std::unique_ptr<LockFile> m_lock;  ///< of the run folder
    std::unique_ptr<EventLog> m_log;
    std::string m_created;
    std::vector<float> m_start;  ///< PiSSA: what was split off the weights, until the state has it
    std::string m_startHash;     ///< of the file that keeps it
    std::string m_modelHash;
    std::string m_dataHash;
    std::int64_t m_step = 0;
    std::int64_t m_firstStep = 0;
    std::int64_t m_totalSteps = 0;
    std::int64_t m_savedStep = -1;
    std::int64_t m_loggedStep = 0;   ///< the last one whose event stands in the log
    bool m_stateIsWhole = true;      ///< false inside the optimizer
    const char* m_activity = "reading the data";
    std::unique_ptr<std::byte[]> m_reserve;  ///< given back when memory runs out
    std::int64_t m_evaluatedStep = -1;
    std::int64_t m_totalTokens = 0;
    double m_seconds = 0;
    std::optional<double> m_lossBefore;
    std::optional<double> m_lossLast;
};

}  // namespace lorikeet::train
