// SPDX-License-Identifier: GPL-3.0-or-later
// The window's end of a training run: orders go straight to the run, its events come back in batches, at most 30 a second.
#pragma once

#include "engine/api/training_run.h"
#include "engine/spec/run_event.h"
#include "ui/engine_verbs.h"

#include <QElapsedTimer>
#include <QObject>
#include <QTimer>

#include <memory>
#include <optional>
#include <vector>

namespace lorikeet::ui {

/// Everything a run has said, kept for the page and for whoever looks later.
struct RunHistory {
    std::optional<RunStarted> started;
    std::vector<StepDone> steps;
    std::vector<EvalDone> evaluations;
    std::vector<SampleDone> samples;
    std::optional<MemoryMeasured> memory;
    CategoryBytes peakBytes{};  ///< largest measured, by category
    std::vector<std::string> notices;
    std::optional<CheckpointSaved> checkpoint;
    std::optional<Progress> progress;
    std::optional<RunEnded> ended;
};

class RunController : public QObject {
    Q_OBJECT
public:
    explicit RunController(const EngineVerbs& verbs, QObject* parent = nullptr);
    ~RunController() override;

    /// Starts a run unless one is going on.
    void start(api::RunOptions options);
    void pause();
    void resume();
    void stopAndKeep();
    void saveNow();

    [[nodiscard]] RunState state() const noexcept { return m_state; }
    /// Starting to Stopping.
    [[nodiscard]] bool isActive() const noexcept;
    /// What the run was started with.
    [[nodiscard]] const Job& job() const noexcept { return m_job; }
    [[nodiscard]] const RunHistory& history() const noexcept { return m_history; }

Q_SIGNALS:
    void runPrepared();  ///< the history is empty again
    void stateChanged(lorikeet::RunState state);
    void runStarted();
    void stepsArrived(const std::vector<lorikeet::StepDone>& steps);
    void evaluationsArrived(const std::vector<lorikeet::EvalDone>& evaluations);
    /// After the evaluations of the same steps.
    void samplesArrived(const std::vector<lorikeet::SampleDone>& samples);
    void memoryMeasured(const lorikeet::MemoryMeasured& memory);
    void progressed(const lorikeet::Progress& progress);
    void noticed(const QString& message);
    void checkpointSaved(const lorikeet::CheckpointSaved& checkpoint);
    void runEnded(const lorikeet::RunEnded& ended);

private:
    Q_INVOKABLE void wake();
    void drain();
    /// What one drain has brought and is announced together.
    struct Batch {
        std::vector<StepDone> steps;
        std::vector<EvalDone> evaluations;
        std::vector<SampleDone> samples;
    };
    void take(RunEvent& event, Batch& batch);
    void announce(const Batch& batch);
    void takeMemory(const MemoryMeasured& memory);
    void setState(RunState state);

    const EngineVerbs& m_verbs;
    std::unique_ptr<api::TrainingRun> m_run;
    RunState m_state = RunState::Idle;
    Job m_job;
    RunHistory m_history;
    QTimer m_drainTimer;
    QTimer m_pollTimer;  ///< for the keep-latest slots
    QElapsedTimer m_sinceDrain;
};

}  // namespace lorikeet::ui
