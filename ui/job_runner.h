// SPDX-License-Identifier: GPL-3.0-or-later
// Short work off the window's thread: the newest request wins, answers of older ones are dropped. KDAB's hotspot does it so.
#pragma once

#include "engine/base/error.h"
#include "engine/base/progress.h"

#include <QObject>

#include <any>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace lorikeet::ui {

/// Runs one piece of work at a time for one question ("what is this model?"). Lives in the window's thread; all callbacks come there.
/// The destructor asks the work to stop and waits for it.
class JobRunner : public QObject {
    Q_OBJECT
public:
    explicit JobRunner(QObject* parent = nullptr);
    ~JobRunner() override;

    /// Starts `work` on a thread of its own; work of earlier calls is told to stop and its answer dropped. `done` gets the value,
    /// `failed` the Error (never Cancelled).
    template <typename T>
    void run(std::function<T(const std::stop_token&, const ProgressFn&)> work, std::function<void(T)> done, std::function<void(const Error&)> failed)
    {
        begin([work = std::move(work)](const std::stop_token& stop, const ProgressFn& progress) -> std::any { return std::make_shared<T>(work(stop, progress)); },
              [done = std::move(done)](const std::any& answer) { done(std::move(*std::any_cast<const std::shared_ptr<T>&>(answer))); }, std::move(failed));
    }
    /// Tells the work to stop and drops its answer.
    void cancel();
    [[nodiscard]] bool isBusy() const noexcept { return m_busy; }

Q_SIGNALS:
    void busyChanged(bool busy);
    void progressed(const lorikeet::Progress& progress);

private:
    struct Answer {
        std::uint64_t generation = 0;
        std::any value;  ///< empty: `error`
        Error error{ErrorCode::Internal, {}, {}};
    };
    using Work = std::function<std::any(const std::stop_token&, const ProgressFn&)>;

    void begin(Work work, std::function<void(const std::any&)> done, std::function<void(const Error&)> failed);
    void work(std::uint64_t generation, const Work& work, const std::stop_token& stop);
    void post(Answer answer);
    void setBusy(bool busy);
    Q_INVOKABLE void deliver();

    std::uint64_t m_generation = 0;
    bool m_busy = false;
    std::function<void(const std::any&)> m_done;
    std::function<void(const Error&)> m_failed;

    std::mutex m_mutex;  ///< guards the three below
    std::vector<Answer> m_answers;
    Progress m_progress;
    std::uint64_t m_progressGeneration = 0;

    struct Thread {
        std::uint64_t generation = 0;
        std::jthread thread;
    };
    std::vector<Thread> m_threads;
};

}  // namespace lorikeet::ui
