// SPDX-License-Identifier: GPL-3.0-or-later
// Threads, generations and the queued call that brings an answer home. Values cross under a mutex; the call itself carries nothing.
#include "ui/job_runner.h"

#include <algorithm>
#include <utility>

namespace lorikeet::ui {

JobRunner::JobRunner(QObject* parent) : QObject(parent)
{
}

JobRunner::~JobRunner()
{
    for (Thread& entry : m_threads)
        entry.thread.request_stop();
    m_threads.clear();
}

void JobRunner::cancel()
{
    ++m_generation;
    for (Thread& entry : m_threads)
        entry.thread.request_stop();
    setBusy(false);
}

void JobRunner::begin(Work work, std::function<void(const std::any&)> done, std::function<void(const Error&)> failed)
{
    for (Thread& entry : m_threads)
        entry.thread.request_stop();
    const std::uint64_t generation = ++m_generation;
    m_done = std::move(done);
    m_failed = std::move(failed);
    setBusy(true);
    m_threads.push_back({generation, std::jthread([this, generation, work = std::move(work)](const std::stop_token& stop) {
                             this->work(generation, work, stop);
                         })});
}

void JobRunner::work(std::uint64_t generation, const Work& work, const std::stop_token& stop)
{
    const ProgressFn progress = [this, generation](const Progress& report) {
        bool mustWake = false;
        {
            const std::lock_guard lock(m_mutex);
            mustWake = m_progressGeneration == 0;
            m_progress = report;
            m_progressGeneration = generation;
        }
        if (mustWake)
            QMetaObject::invokeMethod(this, "deliver", Qt::QueuedConnection);
    };
    Answer answer;
    answer.generation = generation;
    try {
        answer.value = work(stop, progress);
    } catch (const Error& error) {
        answer.error = error;
    } catch (const std::exception& error) {
        answer.error = Error(ErrorCode::Internal, std::string("internal error: ") + error.what(), "please report it with the steps that led here");
    }
    post(std::move(answer));
}

void JobRunner::post(Answer answer)
{
    {
        const std::lock_guard lock(m_mutex);
        m_answers.push_back(std::move(answer));
    }
    QMetaObject::invokeMethod(this, "deliver", Qt::QueuedConnection);
}

void JobRunner::deliver()
{
    std::vector<Answer> answers;
    Progress progress;
    std::uint64_t progressGeneration = 0;
    {
        const std::lock_guard lock(m_mutex);
        answers.swap(m_answers);
        progress = m_progress;
        progressGeneration = std::exchange(m_progressGeneration, 0);
    }
    if (progressGeneration == m_generation && m_busy)
        Q_EMIT progressed(progress);
    for (Answer& answer : answers) {
        std::erase_if(m_threads, [&answer](const Thread& entry) { return entry.generation == answer.generation; });
        if (answer.generation != m_generation || !m_busy)
            continue;
        // The callbacks may start new work.
        const auto done = std::exchange(m_done, {});
        const auto failed = std::exchange(m_failed, {});
        m_busy = false;
        if (answer.value.has_value())
            done(answer.value);
        else if (answer.error.code() != ErrorCode::Cancelled && failed)
            failed(answer.error);
        Q_EMIT busyChanged(m_busy);
    }
}

void JobRunner::setBusy(bool busy)
{
    if (m_busy == busy)
        return;
    m_busy = busy;
    Q_EMIT busyChanged(busy);
}

}  // namespace lorikeet::ui
