// SPDX-License-Identifier: GPL-3.0-or-later
// The scripted training run: same threads and mailboxes as the real one, losses from a formula.
#pragma once

#include "engine/base/mailbox.h"
#include "tests/ui/scripted_engine.h"

#include <condition_variable>

namespace lorikeet::test {

class ScriptedRun : public api::TrainingRun {
public:
    ScriptedRun(RunScript script, ScriptedEngine& engine);
    ~ScriptedRun() override;

    void start(std::function<void()> wake) override;
    void pause() override;
    void resume() override;
    void stopAndKeep() override;
    void saveNow() override;
    [[nodiscard]] RunState state() const override { return m_state.load(); }
    [[nodiscard]] std::vector<RunEvent> takeEvents() override;
    [[nodiscard]] std::optional<MemoryMeasured> takeMemory() override { return m_memory.take(); }
    [[nodiscard]] std::optional<Progress> takeProgress() override { return m_progress.take(); }
    void wait() override;

private:
    void play();
    void step(std::int64_t index);
    void end(RunEnded::Status status, std::int64_t steps);
    void setState(RunState state);
    /// False when the run must stop; waits while paused.
    bool goOn();
    void measure(std::int64_t step);

    RunScript m_script;
    ScriptedEngine& m_engine;
    std::unique_ptr<Mailbox<RunEvent>> m_events;
    LatestSlot<MemoryMeasured> m_memory;
    LatestSlot<Progress> m_progress;
    std::atomic<RunState> m_state{RunState::Idle};
    std::mutex m_mutex;
    std::condition_variable m_changed;
    bool m_paused = false;
    bool m_stop = false;
    bool m_save = false;
    std::jthread m_thread;
};

}  // namespace lorikeet::test
