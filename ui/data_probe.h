// SPDX-License-Identifier: GPL-3.0-or-later
// The data summary of the job, counted again in the background when something changes that it depends on.
#pragma once

#include "ui/engine_verbs.h"
#include "ui/job_document.h"
#include "ui/job_runner.h"

#include <QObject>
#include <QTimer>

#include <optional>

namespace lorikeet::ui {

class DataProbe : public QObject {
    Q_OBJECT
public:
    DataProbe(const EngineVerbs& verbs, JobDocument& document, QObject* parent = nullptr);

    [[nodiscard]] const std::optional<api::DataSummary>& summary() const noexcept { return m_summary; }
    /// Without a usable model: what the file alone tells.
    [[nodiscard]] const std::optional<api::DataInfo>& info() const noexcept { return m_info; }
    [[nodiscard]] const std::optional<Error>& problem() const noexcept { return m_problem; }
    [[nodiscard]] bool isBusy() const noexcept { return m_delay.isActive() || m_runner.isBusy(); }
    [[nodiscard]] const JobRunner& runner() const noexcept { return m_runner; }
    void cancel();

Q_SIGNALS:
    void dataChanged();
    void progressed(const lorikeet::Progress& progress);

private:
    void jobChanged(bool force);
    void look();

    const EngineVerbs& m_verbs;
    JobDocument& m_document;
    JobRunner m_runner;
    QTimer m_delay;
    Job m_counted;  ///< the job of the last question
    std::optional<api::DataSummary> m_summary;
    std::optional<api::DataInfo> m_info;
    std::optional<Error> m_problem;
};

}  // namespace lorikeet::ui
