// SPDX-License-Identifier: GPL-3.0-or-later
// `train`: drives an api::TrainingRun and shows what it says. Ctrl-C asks the run to stop and keep; a second one ends the program
// (InterruptGuard).
#include "app/cli_job_options.h"
#include "app/cli_train_view.h"
#include "app/cli_verbs.h"
#include "engine/api/training_run.h"
#include "engine/base/files.h"

#include <CLI/CLI.hpp>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

namespace lorikeet::app {

namespace {

struct TrainOptions {
    JobOptions job;
    std::string out;
    bool resume = false;
    bool json = false;
};

/// The newest run with this model and data, for --resume without --out.
std::filesystem::path newestRunOf(const Job& job)
{
    for (const api::RunInfo& run : api::listRuns(dataFolder() / "runs"))
        if (run.model == job.model.path && run.data == job.data.path)
            return run.folder;
    throw Error(ErrorCode::Usage, "--resume: there is no run of this model and data in " + utf8(dataFolder() / "runs"),
                "name the run folder with --out");
}

std::filesystem::path runFolderOf(const TrainOptions& options, const Job& job)
{
    if (!options.out.empty())
        return std::filesystem::absolute(pathFromUtf8(options.out)).lexically_normal();
    return options.resume ? newestRunOf(job) : api::proposeRunFolder(job);
}

/// Sleeps until the run has something to say.
class Doorbell {
public:
    void ring()
    {
        {
            const std::lock_guard lock(m_mutex);
            m_rung = true;
        }
        m_changed.notify_one();
    }
    void waitFor(std::chrono::milliseconds most)
    {
        std::unique_lock lock(m_mutex);
        m_changed.wait_for(lock, most, [this] { return m_rung; });
        m_rung = false;
    }

private:
    std::mutex m_mutex;
    std::condition_variable m_changed;
    bool m_rung = false;
};

/// One run from start to its last event.
class RunLoop {
public:
    RunLoop(api::RunOptions options, TrainView& view, std::stop_token stop)
        : m_view(view), m_stop(std::move(stop)), m_run(api::makeTrainingRun(std::move(options)))
    {
    }

    /// @throws what writing to standard output threw, after the run was stopped and kept.
    RunEnded run()
    {
        m_run->start([this] { m_doorbell.ring(); });
        const std::stop_callback onInterrupt(m_stop, [this] { m_run->stopAndKeep(); });
        while (!m_ended) {
            m_doorbell.waitFor(std::chrono::milliseconds(100));
            const bool stopsNow = m_stop.stop_requested() && !m_saidStopping;
            if (stopsNow) {
                m_saidStopping = true;
                sayWarning("stopping after the current work; what was trained is kept (again to quit at once)");
            }
            drain();
        }
        m_run->wait();
        if (m_outputProblem)
            std::rethrow_exception(m_outputProblem);
        return *m_ended;
    }

private:
    void drain()
    {
        if (const auto progress = m_run->takeProgress())
            show([&] { m_view.progress(*progress); });
        for (const RunEvent& event : m_run->takeEvents()) {
            if (std::holds_alternative<StepDone>(event))
                showMemory();
            show([&] { m_view.event(event); });
            if (const auto* ended = std::get_if<RunEnded>(&event))
                m_ended = *ended;
        }
        showMemory();
    }

    void showMemory()
    {
        if (const auto memory = m_run->takeMemory())
            show([&] { m_view.memory(*memory); });
    }

    /// When nobody can read what is said any more, the run stops and keeps what it has.
    template <typename Call>
    void show(const Call& call)
    {
        if (m_outputProblem)
            return;
        try {
            call();
        } catch (...) {
            m_outputProblem = std::current_exception();
            m_run->stopAndKeep();
        }
    }

    TrainView& m_view;
    std::stop_token m_stop;
    Doorbell m_doorbell;
    std::optional<RunEnded> m_ended;
    std::exception_ptr m_outputProblem;
    bool m_saidStopping = false;
    std::unique_ptr<api::TrainingRun> m_run;  // last: its thread rings the bell
};

void sayHowToGoOn(const TrainOptions& options, const std::filesystem::path& folder, const RunEnded& ended)
{
    if (!std::filesystem::exists(folder / "run.json")) {
        sayWarning("stopped before the first step; nothing was written");
        return;
    }
    sayWarning("stopped after step " + std::to_string(ended.step) + "; a checkpoint lies in " + utf8(folder),
               "lorikeet-cli train " + options.job.file + " --out " + utf8(folder) + " --resume");
}

int runTrain(const TrainOptions& options, Session& session)
{
    const Job job = options.job.load();
    requireSound(job);
    api::RunOptions run;
    run.job = job;
    run.runFolder = runFolderOf(options, job);
    // A run that was ended before its folder was complete has nothing to lose: it begins again.
    run.resume = options.resume && std::filesystem::exists(run.runFolder / "run.json");
    const std::filesystem::path folder = run.runFolder;
    const auto view = options.json ? makeJsonView(session.out) : makePlainView(session.out);
    const RunEnded ended = RunLoop(std::move(run), *view, session.stop).run();
    switch (ended.status) {
    case RunEnded::Status::Done: return 0;
    case RunEnded::Status::Failed: throw Error(ended.errorCode, ended.errorMessage, ended.errorHint);
    case RunEnded::Status::Stopped: break;
    }
    session.out.status().clear();
    sayHowToGoOn(options, folder, ended);
    return exitCodeOf(ErrorCode::Cancelled);
}

}  // namespace

void addTrainVerb(CLI::App& app, Action& chosen)
{
    const auto options = std::make_shared<TrainOptions>();
    CLI::App* verb = app.add_subcommand("train", "train an adapter");
    options->job.addTo(*verb);
    verb->add_option("--out", options->out, "run folder; default: a new one under the data folder")->type_name("RUNDIR");
    verb->add_flag("--resume", options->resume, "go on from the newest checkpoint of the run folder");
    verb->add_flag("--json", options->json, "one JSON event per line");
    verb->callback([options, &chosen] { chosen = [options](Session& session) { return runTrain(*options, session); }; });
}

}  // namespace lorikeet::app
