// SPDX-License-Identifier: GPL-3.0-or-later
// Page Export: a finished run becomes a PEFT folder that proves itself, and the adapter can be tried beside its base.
#pragma once

#include "ui/card.h"
#include "ui/engine_verbs.h"
#include "ui/job_document.h"
#include "ui/job_runner.h"

#include <vector>

class QCheckBox;
class QComboBox;
class QLineEdit;
class QProgressBar;
class QGridLayout;

namespace lorikeet::ui {

class InlineMessage;
class RunController;
class TryPrompt;

class ExportPage : public Page {
    Q_OBJECT
public:
    ExportPage(const EngineVerbs& verbs, JobDocument& document, RunController& run, QWidget* parent = nullptr);

    /// Reads the list of runs again, in the background.
    void refreshRuns();
    /// Adds a run folder from anywhere and chooses it; what is none is said on the page. In the background.
    void openRun(const QString& folder);
    [[nodiscard]] bool isBusy() const noexcept { return m_lister.isBusy() || m_exporter.isBusy(); }
    [[nodiscard]] TryPrompt* tryPrompt() const noexcept { return m_try; }
    [[nodiscard]] QString lastReport() const noexcept { return m_reportText; }

Q_SIGNALS:
    void exported(const QString& folder);

private:
    void buildTarget();
    void buildReport();
    void browseTarget();
    void browseRun();
    void runChosen();
    [[nodiscard]] const api::RunInfo* chosenRun() const;
    void exportNow();
    void showRuns(std::vector<api::RunInfo> runs);
    void showReport(const api::ExportReport& report);

    const EngineVerbs& m_verbs;
    RunController& m_run;
    JobRunner m_lister;
    JobRunner m_exporter;
    QComboBox* m_runs = nullptr;
    QLabel* m_what = nullptr;
    QLabel* m_runNote = nullptr;
    QLineEdit* m_target = nullptr;
    QCheckBox* m_replace = nullptr;
    QPushButton* m_export = nullptr;
    QPushButton* m_cancel = nullptr;
    QProgressBar* m_progress = nullptr;
    InlineMessage* m_message = nullptr;
    Card* m_reportCard = nullptr;
    QGridLayout* m_checks = nullptr;
    QLabel* m_files = nullptr;
    TryPrompt* m_try = nullptr;
    std::vector<api::RunInfo> m_infos;
    QString m_reportText;
    QString m_lastFolder;  ///< of the run that has just ended
};

}  // namespace lorikeet::ui
