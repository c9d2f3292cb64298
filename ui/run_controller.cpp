// SPDX-License-Identifier: GPL-3.0-or-later
// Coalesces wake-ups into drains and sorts events into batch signals.
#include "ui/run_controller.h"

#include "ui/text.h"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace lorikeet::ui {

namespace {
constexpr int kDrainMs = 34;
constexpr int kPollMs = 200;
}  // namespace

RunController::RunController(const EngineVerbs& verbs, QObject* parent) : QObject(parent), m_verbs(verbs)
{
    m_drainTimer.setSingleShot(true);
    connect(&m_drainTimer, &QTimer::timeout, this, &RunController::drain);
    m_pollTimer.setInterval(kPollMs);
    connect(&m_pollTimer, &QTimer::timeout, this, &RunController::drain);
}

RunController::~RunController() = default;

bool RunController::isActive() const noexcept
{
    return m_state != RunState::Idle && m_state != RunState::Ended;
}

void RunController::start(api::RunOptions options)
{
    if (isActive())
        return;
    m_history = {};
    m_job = options.job;
    Q_EMIT runPrepared();
    m_run = m_verbs.makeTrainingRun(std::move(options));
    setState(RunState::Starting);
    m_pollTimer.start();
    m_run->start([this] { QMetaObject::invokeMethod(this, "wake", Qt::QueuedConnection); });
}

void RunController::pause()
{
    if (m_run)
        m_run->pause();
}

void RunController::resume()
{
    if (m_run)
        m_run->resume();
}

void RunController::stopAndKeep()
{
    if (!m_run || !isActive())
        return;
    m_run->stopAndKeep();
    setState(RunState::Stopping);
}

void RunController::saveNow()
{
    if (m_run)
        m_run->saveNow();
}

void RunController::wake()
{
    if (m_drainTimer.isActive())
        return;
    const qint64 passed = m_sinceDrain.isValid() ? m_sinceDrain.elapsed() : kDrainMs;
    m_drainTimer.start(static_cast<int>(std::clamp<qint64>(kDrainMs - passed, 0, kDrainMs)));
}

void RunController::drain()
{
    if (!m_run)
        return;
    m_sinceDrain.restart();
    Batch batch;
    for (RunEvent& event : m_run->takeEvents())
        take(event, batch);
    if (const auto memory = m_run->takeMemory())
        takeMemory(*memory);
    if (const auto progress = m_run->takeProgress(); progress && isActive()) {
        m_history.progress = *progress;
        Q_EMIT progressed(*progress);
    }
    announce(batch);
    if (m_history.ended && m_state != RunState::Ended) {
        m_pollTimer.stop();
        setState(RunState::Ended);
        Q_EMIT runEnded(*m_history.ended);
    }
}

void RunController::announce(const Batch& batch)
{
    // All of them are in the history before the first is told.
    m_history.steps.insert(m_history.steps.end(), batch.steps.begin(), batch.steps.end());
    m_history.evaluations.insert(m_history.evaluations.end(), batch.evaluations.begin(), batch.evaluations.end());
    m_history.samples.insert(m_history.samples.end(), batch.samples.begin(), batch.samples.end());
    if (!batch.steps.empty())
        Q_EMIT stepsArrived(batch.steps);
    if (!batch.evaluations.empty())
        Q_EMIT evaluationsArrived(batch.evaluations);
    if (!batch.samples.empty())
        Q_EMIT samplesArrived(batch.samples);
}

void RunController::take(RunEvent& event, Batch& batch)
{
    std::visit(
        [&](auto& value) {
            using T = std::decay_t<decltype(value)>;
            if constexpr (std::is_same_v<T, StepDone>) {
                batch.steps.push_back(value);
            } else if constexpr (std::is_same_v<T, EvalDone>) {
                batch.evaluations.push_back(value);
            } else if constexpr (std::is_same_v<T, SampleDone>) {
                batch.samples.push_back(value);
            } else if constexpr (std::is_same_v<T, RunStarted>) {
                m_history.started = value;
                Q_EMIT runStarted();
            } else if constexpr (std::is_same_v<T, MemoryMeasured>) {
                takeMemory(value);
            } else if constexpr (std::is_same_v<T, CheckpointSaved>) {
                m_history.checkpoint = value;
                Q_EMIT checkpointSaved(value);
            } else if constexpr (std::is_same_v<T, StateChanged>) {
                // Ended is announced with RunEnded; an order to stop is not undone by a state that was on its way.
                if (value.state != RunState::Ended && m_state != RunState::Stopping)
                    setState(value.state);
            } else if constexpr (std::is_same_v<T, PhaseProgress>) {
                m_history.progress = value.progress;
                Q_EMIT progressed(value.progress);
            } else if constexpr (std::is_same_v<T, RunNotice>) {
                m_history.notices.push_back(value.message);
                Q_EMIT noticed(toQt(value.message));
            } else if constexpr (std::is_same_v<T, RunEnded>) {
                m_history.ended = value;
            }
        },
        event);
}

void RunController::takeMemory(const MemoryMeasured& memory)
{
    // The budget is the peak of a training step: loading and evaluation live in the same arena with other shares.
    if (memory.phase != "train")
        return;
    m_history.memory = memory;
    for (std::size_t i = 0; i < memory.liveBytes.size(); ++i)
        m_history.peakBytes[i] = std::max(m_history.peakBytes[i], memory.liveBytes[i]);
    Q_EMIT memoryMeasured(memory);
}

void RunController::setState(RunState state)
{
    if (m_state == state)
        return;
    m_state = state;
    Q_EMIT stateChanged(state);
}

}  // namespace lorikeet::ui
