// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/engine/api/api_run.h"

#include <chrono>
#include <thread>

namespace lorikeet::test {

double secondsNow() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void WatchedRun::start()
{
    m_run->start([this] {
        if (m_pending.exchange(1) == 1)
            ++m_wakesBesideTakes;
    });
}

void WatchedRun::take()
{
    // Before taking: the next push after take() may wake again.
    m_pending = 0;
    for (RunEvent& event : m_run->takeEvents())
        m_events.push_back(std::move(event));
}

bool WatchedRun::until(const std::function<bool(const RunEvent&)>& wanted, double seconds)
{
    const double give = secondsNow() + seconds;
    for (std::size_t seen = 0;;) {
        take();
        for (; seen < m_events.size(); ++seen)
            if (wanted(m_events[seen]))
                return true;
        if (secondsNow() > give)
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

bool WatchedRun::untilState(RunState state, double seconds)
{
    return until([state](const RunEvent& event) {
        const auto* changed = std::get_if<StateChanged>(&event);
        return changed && changed->state == state;
    }, seconds);
}

bool WatchedRun::untilStep(std::int64_t step)
{
    return until([step](const RunEvent& event) {
        const auto* done = std::get_if<StepDone>(&event);
        return done && done->step >= step;
    });
}

RunEnded WatchedRun::end()
{
    m_run->wait();
    take();
    const auto* ended = m_events.empty() ? nullptr : std::get_if<RunEnded>(&m_events.back());
    if (ended)
        return *ended;
    RunEnded missing;
    missing.status = RunEnded::Status::Failed;
    missing.errorMessage = "the last event is not RunEnded";
    return missing;
}

std::vector<RunState> WatchedRun::states() const
{
    std::vector<RunState> states;
    for (const RunEvent& event : m_events)
        if (const auto* changed = std::get_if<StateChanged>(&event))
            states.push_back(changed->state);
    return states;
}

}  // namespace lorikeet::test
