// SPDX-License-Identifier: GPL-3.0-or-later
// Plays a RunScript on a thread of its own.
#include "tests/ui/scripted_run.h"

#include <cmath>
#include <limits>

namespace lorikeet::test {

ScriptedRun::ScriptedRun(RunScript script, ScriptedEngine& engine) : m_script(std::move(script)), m_engine(engine)
{
}

ScriptedRun::~ScriptedRun()
{
    stopAndKeep();
    m_thread = {};
}

void ScriptedRun::start(std::function<void()> wake)
{
    m_events = std::make_unique<Mailbox<RunEvent>>(std::move(wake));
    setState(RunState::Starting);
    m_thread = std::jthread([this] { play(); });
}

void ScriptedRun::pause()
{
    const std::lock_guard lock(m_mutex);
    m_paused = true;
}

void ScriptedRun::resume()
{
    const std::lock_guard lock(m_mutex);
    m_paused = false;
    m_changed.notify_all();
}

void ScriptedRun::stopAndKeep()
{
    const std::lock_guard lock(m_mutex);
    m_stop = true;
    m_changed.notify_all();
}

void ScriptedRun::saveNow()
{
    const std::lock_guard lock(m_mutex);
    m_save = true;
}

std::vector<RunEvent> ScriptedRun::takeEvents()
{
    return m_events ? m_events->take() : std::vector<RunEvent>{};
}

void ScriptedRun::wait()
{
    if (m_thread.joinable())
        m_thread.join();
}

void ScriptedRun::setState(RunState state)
{
    m_state = state;
    m_events->push(StateChanged{state});
}

bool ScriptedRun::goOn()
{
    std::unique_lock lock(m_mutex);
    if (m_paused && !m_stop) {
        lock.unlock();
        setState(RunState::Paused);
        lock.lock();
        m_changed.wait(lock, [this] { return !m_paused || m_stop; });
        lock.unlock();
        if (!m_stop)
            setState(RunState::Running);
        lock.lock();
    }
    return !m_stop;
}

void ScriptedRun::measure(std::int64_t step)
{
    MemoryMeasured memory;
    memory.step = step;
    memory.phase = "train";
    for (std::size_t i = 0; i < memory.liveBytes.size(); ++i)
        memory.liveBytes[i] = static_cast<std::uint64_t>(static_cast<double>(m_script.plannedBytes[i]) * m_script.measuredFactor);
    m_memory.set(memory);
}

void ScriptedRun::step(std::int64_t index)
{
    StepDone done;
    done.step = index;
    done.epoch = 3.0 * static_cast<double>(index) / static_cast<double>(m_script.steps);
    const double fall = std::exp(-3.0 * static_cast<double>(index) / static_cast<double>(m_script.steps));
    done.loss = index == m_script.nanAtStep ? std::numeric_limits<double>::quiet_NaN() : 0.9 + 1.8 * fall + 0.15 * std::sin(12.9898 * static_cast<double>(index));
    done.learningRate = 2e-4 * (1.0 - static_cast<double>(index) / static_cast<double>(m_script.steps));
    done.gradNorm = 0.4 + 0.6 * fall;
    done.tokens = 1000;
    done.tokensPerSecond = 812;
    done.seconds = 1.23;
    done.etaSeconds = 1.23 * static_cast<double>(m_script.steps - index);
    m_events->push(done);
    m_progress.set({"training", static_cast<std::uint64_t>(index), static_cast<std::uint64_t>(m_script.steps), "steps"});
    measure(index);
    if (index % std::max<std::int64_t>(1, m_script.steps / 4) == 0) {
        if (m_script.validates)
            m_events->push(EvalDone{index, 1.0 + 1.7 * fall, 500, 0.2});
        if (!m_script.samplePrompt.empty())
            m_events->push(SampleDone{index, m_script.samplePrompt, "Answer at " + std::to_string(index) + "\nin two lines.", 6, 0.2});
    }
    const std::lock_guard lock(m_mutex);
    if (std::exchange(m_save, false))
        m_events->push(CheckpointSaved{index, "/runs/scripted/checkpoints/step-" + std::to_string(index)});
}

void ScriptedRun::end(RunEnded::Status status, std::int64_t steps)
{
    RunEnded ended;
    ended.status = status;
    ended.step = steps;
    ended.seconds = 12;
    if (status == RunEnded::Status::Failed) {
        ended.errorCode = m_script.failure->code();
        ended.errorMessage = m_script.failure->message();
        ended.errorHint = m_script.failure->hint();
    } else {
        ended.validationLossBefore = 2.7;
        ended.validationLossAfter = 1.1;
        ended.adapterFolder = "/runs/scripted/adapter";
        const std::lock_guard lock(m_engine.mutex);
        api::RunInfo info;
        info.folder = "/runs/scripted";
        info.model = "starter";
        info.data = "data.jsonl";
        info.created = "2026-01-02T03:04:05Z";
        info.lastStep = steps;
        info.totalSteps = m_script.steps;
        info.validationLoss = 1.1;
        info.finished = info.hasAdapter = true;
        m_engine.runs.insert(m_engine.runs.begin(), info);
    }
    m_state = RunState::Ended;
    m_events->push(ended);
}

void ScriptedRun::play()
{
    m_events->push(PhaseProgress{{"loading weights", 1, 4, "tensors"}});
    std::this_thread::sleep_for(m_script.startTime);
    RunStarted started;
    started.totalSteps = m_script.steps;
    started.plannedBytes = m_script.plannedBytes;
    started.runFolder = "/runs/scripted";
    m_events->push(started);
    setState(RunState::Running);
    std::int64_t index = 0;
    while (index < m_script.steps && goOn()) {
        ++index;
        std::this_thread::sleep_for(m_script.stepTime);
        if (m_script.failure && index == m_script.failAtStep) {
            end(RunEnded::Status::Failed, index - 1);
            return;
        }
        step(index);
    }
    if (index < m_script.steps) {
        setState(RunState::Stopping);
        std::this_thread::sleep_for(m_script.stopTime);
    }
    end(index < m_script.steps ? RunEnded::Status::Stopped : RunEnded::Status::Done, index);
}

}  // namespace lorikeet::test
