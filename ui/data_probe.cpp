// SPDX-License-Identifier: GPL-3.0-or-later
// Which fields the counts depend on, and a pause so that a slider drag asks once.
#include "ui/data_probe.h"

#include <tuple>

namespace lorikeet::ui {

namespace {

constexpr int kDelayMs = 250;
constexpr std::size_t kPreviewRows = 50;

auto dependsOn(const Job& job)
{
    return std::tie(job.model.path, job.data.path, job.data.format, job.data.validationFraction, job.data.validationPath, job.data.trainOn,
                    job.recipe.context, job.recipe.overlong, job.recipe.packing, job.recipe.microBatch, job.recipe.seed);
}

}  // namespace

DataProbe::DataProbe(const EngineVerbs& verbs, JobDocument& document, QObject* parent) : QObject(parent), m_verbs(verbs), m_document(document)
{
    m_delay.setSingleShot(true);
    m_delay.setInterval(kDelayMs);
    connect(&m_delay, &QTimer::timeout, this, &DataProbe::look);
    connect(&m_runner, &JobRunner::progressed, this, &DataProbe::progressed);
    connect(&document, &JobDocument::jobChanged, this, [this](const QString&) { jobChanged(false); });
    jobChanged(true);
}

void DataProbe::cancel()
{
    m_delay.stop();
    m_runner.cancel();
    m_problem = Error(ErrorCode::Cancelled, "counting was cancelled", "change a setting or open the file again to count anew");
    Q_EMIT dataChanged();
}

void DataProbe::jobChanged(bool force)
{
    const Job& job = m_document.job();
    if (!force && dependsOn(job) == dependsOn(m_counted))
        return;
    const bool otherFile = job.data.path != m_counted.data.path || job.model.path != m_counted.model.path;
    m_counted = job;
    m_runner.cancel();
    if (otherFile || job.data.path.empty()) {
        m_summary.reset();
        m_info.reset();
    }
    m_problem.reset();
    if (!job.data.path.empty())
        m_delay.start();
    else
        m_delay.stop();
    Q_EMIT dataChanged();
}

void DataProbe::look()
{
    struct Seen {
        std::optional<api::DataSummary> summary;
        std::optional<api::DataInfo> info;
    };
    const auto work = [summarise = m_verbs.summariseData, inspect = m_verbs.inspectData, job = m_counted](const std::stop_token& stop,
                                                                                                        const ProgressFn& progress) {
        Seen seen;
        if (job.model.path.empty() || job.model.path.starts_with("blueprint:"))
            seen.info = inspect(job.data.path, job.data.format, stop, progress);
        else
            seen.summary = summarise(job, kPreviewRows, stop, progress);
        return seen;
    };
    m_runner.run<Seen>(work,
                       [this](Seen seen) {
                           m_summary = std::move(seen.summary);
                           m_info = std::move(seen.info);
                           Q_EMIT dataChanged();
                       },
                       [this](const Error& error) {
                           m_summary.reset();
                           m_problem = error;
                           Q_EMIT dataChanged();
                       });
    Q_EMIT dataChanged();
}

}  // namespace lorikeet::ui
