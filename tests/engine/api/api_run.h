// SPDX-License-Identifier: GPL-3.0-or-later
// A run behind the engine's face, as the tests watch it.
#pragma once

#include "engine/api/training_run.h"

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

namespace lorikeet::test {

/// Collects what a run says. Belongs to the thread of the test.
class WatchedRun {
public:
    explicit WatchedRun(api::RunOptions options) : m_run(api::makeTrainingRun(std::move(options))) {}
    void start();
    [[nodiscard]] api::TrainingRun& operator*() const { return *m_run; }
    [[nodiscard]] api::TrainingRun* operator->() const { return m_run.get(); }

    /// Takes events until one fulfils `wanted`; false after `seconds`.
    bool until(const std::function<bool(const RunEvent&)>& wanted, double seconds = 60);
    bool untilState(RunState state, double seconds = 60);
    bool untilStep(std::int64_t step);
    /// Waits for the last event. Nothing but a copy of it is returned.
    [[nodiscard]] RunEnded end();
    void destroy() { m_run.reset(); }

    [[nodiscard]] const std::vector<RunEvent>& events() const { return m_events; }
    [[nodiscard]] std::vector<RunState> states() const;
    [[nodiscard]] int wakesBesideTakes() const { return m_wakesBesideTakes; }

private:
    void take();

    std::unique_ptr<api::TrainingRun> m_run;
    std::vector<RunEvent> m_events;
    std::atomic<int> m_pending{0};
    std::atomic<int> m_wakesBesideTakes{0};  ///< wake-ups while one was pending
};

[[nodiscard]] double secondsNow();

}  // namespace lorikeet::test
