// SPDX-License-Identifier: GPL-3.0-or-later
// The run's thread: trainer hooks on one side, mailbox and orders on the other. No exception leaves it.
#include "engine/api/training_run.h"

#include "engine/api/doctor.h"
#include "engine/api/guarded.h"
#include "engine/api/models.h"
#include "engine/api/planning.h"
#include "engine/base/check.h"
#include "engine/base/files.h"
#include "engine/base/mailbox.h"
#include "engine/export/adapter_folder.h"
#include "engine/export/model_folder.h"
#include "engine/train/plain_adapter.h"
#include "engine/train/trainer.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace lorikeet::api {

namespace {

class EngineRun final : public TrainingRun {
public:
    explicit EngineRun(RunOptions options) : m_options(std::move(options)) {}
    ~EngineRun() override
    {
        m_stop.request_stop();
        if (m_thread.joinable())
            m_thread.join();
    }

    void start(std::function<void()> wake) override
    {
        LORIKEET_CHECK(!m_started.exchange(true), "a run is started once");
        m_wake = std::move(wake);
        enter(RunState::Starting);
        if (m_stop.stop_requested())
            enter(RunState::Stopping);
        m_thread = std::thread([this] { main(); });
    }
    void pause() override { m_paused = true; }
    void resume() override
    {
        {
            const std::lock_guard lock(m_mutex);
            m_paused = false;
        }
        m_changed.notify_all();
    }
    void stopAndKeep() override
    {
        m_stop.request_stop();
        if (m_state != RunState::Idle)
            enter(RunState::Stopping);
    }
    void saveNow() override { m_saveRequested = true; }

    [[nodiscard]] RunState state() const override { return m_state; }
    [[nodiscard]] std::vector<RunEvent> takeEvents() override
    {
        std::vector<RunEvent> events = m_mailbox.take();
        // Whoever has the last event sees Ended; whoever sees Ended finds the last event waiting.
        if (!events.empty() && std::holds_alternative<RunEnded>(events.back()))
            m_state = RunState::Ended;
        return events;
    }
    [[nodiscard]] std::optional<MemoryMeasured> takeMemory() override { return m_memory.take(); }
    [[nodiscard]] std::optional<Progress> takeProgress() override { return m_progress.take(); }
    void wait() override
    {
        std::unique_lock lock(m_mutex);
        m_changed.wait(lock, [this] { return m_finished || !m_started; });
    }

private:
    /// An order to stop may come from any thread and at any time: what the run says of itself after it would be stale, and so would
    /// the order be after the end.
    void enter(RunState state)
    {
        const std::lock_guard lock(m_stateMutex);
        if (m_state == RunState::Stopping || m_state == RunState::Ended)
            return;
        m_state = state;
        m_mailbox.push(StateChanged{state});
    }
    void enterEnded(const RunEnded& ended)
    {
        const std::lock_guard lock(m_stateMutex);
        m_mailbox.push(StateChanged{RunState::Ended}, ended);
        m_state = RunState::Ended;
    }

    /// Between two steps: waits while paused, and says so.
    void boundary()
    {
        if (!m_paused)
            return;
        enter(RunState::Paused);
        std::unique_lock lock(m_mutex);
        m_changed.wait(lock, m_stop.get_token(), [this] { return !m_paused.load(); });
        lock.unlock();
        if (!m_stop.stop_requested())
            enter(RunState::Running);
    }

    [[nodiscard]] train::TrainerHooks hooks()
    {
        train::TrainerHooks hooks;
        hooks.emit = [this](const RunEvent& event) {
            if (const auto* started = std::get_if<RunStarted>(&event)) {
                m_runFolder = pathFromUtf8(started->runFolder);
                m_lastStep = started->firstStep;
                enter(RunState::Running);
            }
            if (const auto* step = std::get_if<StepDone>(&event))
                m_lastStep = step->step;
            m_mailbox.push(event);
        };
        hooks.memory = [this](const MemoryMeasured& measured) { m_memory.set(measured); };
        hooks.progress = [this](const Progress& progress) { m_progress.set(progress); };
        hooks.boundary = [this] { boundary(); };
        hooks.saveRequested = [this] { return m_saveRequested.exchange(false); };
        hooks.stop = m_stop.get_token();
        return hooks;
    }

    [[nodiscard]] train::TrainerOptions trainerOptions() const
    {
        train::TrainerOptions options;
        options.job = m_options.job;
        options.modelPath = locateModel(m_options.job.model.path);
        options.device = findDevice(m_options.job.run.device);
        options.runFolder = m_options.runFolder.empty() ? proposeRunFolder(m_options.job) : m_options.runFolder;
        options.resume = m_options.resume;
#ifdef LORIKEET_CHECK_MEMORY
        options.checkMemory = options.device.kind == DeviceSpec::Kind::Cpu;
#else
        options.checkMemory = m_options.checkMemory;
#endif
        for (const LibraryVersion& library : libraryVersions())
            options.versions.emplace_back(library.name, library.version);
        return options;
    }

    /// The adapter, or of a full fine-tuning the model, into the run folder.
    static void writeTrained(const train::TrainerOptions& options, const train::Trainer& trainer, RunEnded& ended)
    {
        const plan::Trained& trained = trainer.plan().layout.trained;
        const auto masters = [&](std::int64_t offset, std::span<float> to) { trainer.state().readMasters(offset, to); };
        if (!trained.adapters.empty()) {
            const std::filesystem::path folder = options.runFolder / "adapter";
            const train::PlainAdapter plain = train::plainAdapterOf(options.job, options.runFolder, trained, trainer.state().adapterMasters());
            exporting::writeAdapterFolder(folder, true, {&trainer.source(), plain.job, plain.slots, plain.flat, exporting::trainedModules(trained.parameters, masters)}, {});
            ended.adapterFolder = utf8(folder);
            return;
        }
        const std::filesystem::path folder = options.runFolder / "model";
        const exporting::ModelContent content{&trainer.source(), precisionOf(options.job), exporting::trainedParameters(trained.parameters, masters)};
        exporting::writeModelFolder(folder, true, content, {}, {});
        ended.modelFolder = utf8(folder);
    }

    RunEnded train()
    {
        const train::TrainerOptions options = trainerOptions();
        train::Trainer trainer(options, hooks());
        const train::TrainerResult result = trainer.run();
        RunEnded ended;
        ended.status = result.stopped ? RunEnded::Status::Stopped : RunEnded::Status::Done;
        ended.step = result.step;
        ended.seconds = result.seconds;
        ended.validationLossBefore = result.validationLossBefore;
        ended.validationLossAfter = result.validationLossAfter;
        writeTrained(options, trainer, ended);
        train::EventLog(options.runFolder).append(ended);
        return ended;
    }

    /// The log of a run that had begun says how it ended; one that was refused has no folder of its own.
    void logFailure(RunEnded& ended) const
    {
        ended.step = m_lastStep;
        if (m_runFolder.empty())
            return;
        try {
            train::EventLog(m_runFolder).append(ended);
        } catch (const std::exception&) {
            return;  // the disk may be what failed; the reason is already on its way to the window
        }
    }

    void main() noexcept
    {
        RunEnded ended;
        try {
            ended = guarded([this] { return train(); }, ErrorCode::Target);
        } catch (const Error& error) {
            ended.status = error.code() == ErrorCode::Cancelled ? RunEnded::Status::Stopped : RunEnded::Status::Failed;
            ended.errorCode = error.code();
            ended.errorMessage = error.message();
            ended.errorHint = error.hint();
        } catch (const std::exception& error) {
            ended.status = RunEnded::Status::Failed;
            ended.errorMessage = error.what();
            ended.errorHint = "this is a bug in Lorikeet; please report it with this line";
        }
        if (ended.status == RunEnded::Status::Failed)
            logFailure(ended);
        enterEnded(ended);
        {
            const std::lock_guard lock(m_mutex);
            m_finished = true;
        }
        m_changed.notify_all();
    }

    RunOptions m_options;
    std::function<void()> m_wake;  ///< set before the thread begins
    Mailbox<RunEvent> m_mailbox{[this] {
        if (m_wake)
            m_wake();
    }};
    LatestSlot<MemoryMeasured> m_memory;
    LatestSlot<Progress> m_progress;
    std::atomic<RunState> m_state{RunState::Idle};
    std::atomic<bool> m_started{false};
    std::atomic<bool> m_paused{false};
    std::atomic<bool> m_saveRequested{false};
    std::stop_source m_stop;
    std::mutex m_stateMutex;            ///< orders states
    std::filesystem::path m_runFolder;  ///< of a run that has begun; on the run's thread
    std::int64_t m_lastStep = 0;        ///< on the run's thread
    bool m_finished = false;  ///< under m_mutex
    std::mutex m_mutex;
    std::condition_variable_any m_changed;
    std::thread m_thread;
};

}  // namespace

std::unique_ptr<TrainingRun> makeTrainingRun(RunOptions options) { return std::make_unique<EngineRun>(std::move(options)); }

}  // namespace lorikeet::api
