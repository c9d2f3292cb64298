// SPDX-License-Identifier: GPL-3.0-or-later
// Choice of the run, the export and its report.
#include "ui/export_page.h"

#include "engine/base/units.h"
#include "ui/inline_message.h"
#include "ui/run_controller.h"
#include "ui/text.h"
#include "ui/theme.h"
#include "ui/try_prompt.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QProgressBar>
#include <QVBoxLayout>

#include <algorithm>
#include <utility>

namespace lorikeet::ui {

ExportPage::ExportPage(const EngineVerbs& verbs, JobDocument& document, RunController& run, QWidget* parent)
    : Page(tr("Export"), tr("Writes the adapter as others read it, reads it back and compares it. Then try it."), parent), m_verbs(verbs), m_run(run)
{
    m_message = new InlineMessage;
    buildTarget();
    column()->addWidget(m_message);
    buildReport();
    m_try = new TryPrompt(verbs, document);
    column()->addWidget(m_try);
    connect(&run, &RunController::runEnded, this, [this](const RunEnded& ended) {
        if ((!ended.adapterFolder.empty() || ended.modelFolder) && m_run.history().started)
            m_lastFolder = toQt(m_run.history().started->runFolder);
        refreshRuns();
    });
    runChosen();
}

void ExportPage::buildTarget()
{
    auto* card = new Card(tr("Folder for others to load"));
    m_what = makeLabel(QString(), TextRank::Muted, true);
    card->content()->addWidget(m_what);
    auto* form = new QGridLayout;
    form->setHorizontalSpacing(unit(2));
    form->setVerticalSpacing(unit(1.5));
    form->setColumnStretch(1, 1);
    m_runs = new QComboBox;
    m_runs->setFocusPolicy(Qt::StrongFocus);
    m_runs->setAccessibleName(tr("Run to export"));
    m_runs->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    connect(m_runs, &QComboBox::currentIndexChanged, this, [this](int) { runChosen(); });
    QPushButton* otherRun = makeButton(tr("Other…"));
    otherRun->setAccessibleName(tr("Choose another run folder"));
    connect(otherRun, &QPushButton::clicked, this, &ExportPage::browseRun);
    m_target = new QLineEdit;
    m_target->setAccessibleName(tr("Folder to write"));
    m_target->setPlaceholderText(tr("Folder to write"));
    QPushButton* browse = makeButton(tr("Browse…"));
    browse->setAccessibleName(tr("Choose the folder to write"));
    connect(browse, &QPushButton::clicked, this, &ExportPage::browseTarget);
    form->addWidget(makeLabel(tr("Run"), TextRank::Strong), 0, 0);
    form->addWidget(m_runs, 0, 1);
    form->addWidget(otherRun, 0, 2);
    m_runNote = makeLabel(QString(), TextRank::Small, true);
    form->addWidget(m_runNote, 1, 1, 1, 2);
    form->addWidget(makeLabel(tr("Write to"), TextRank::Strong), 2, 0);
    form->addWidget(m_target, 2, 1);
    form->addWidget(browse, 2, 2);
    card->content()->addLayout(form);

    auto* row = new QHBoxLayout;
    m_replace = new QCheckBox(tr("Replace the folder if it exists"));
    m_replace->setAccessibleName(m_replace->text());
    row->addWidget(m_replace, 1);
    m_progress = new QProgressBar;
    m_progress->setTextVisible(false);
    m_progress->setFixedSize(unit(28), unit(1.8));
    m_progress->setRange(0, 0);
    m_progress->setAccessibleName(tr("Export"));
    m_cancel = makeButton(tr("Cancel"), ButtonKind::Quiet);
    connect(m_cancel, &QPushButton::clicked, this, [this] { m_exporter.cancel(); });
    m_export = makeButton(tr("Export and verify"), ButtonKind::Primary);
    connect(m_export, &QPushButton::clicked, this, &ExportPage::exportNow);
    row->addWidget(m_progress);
    row->addWidget(m_cancel);
    row->addWidget(m_export);
    card->content()->addLayout(row);
    m_progress->hide();
    m_cancel->hide();
    connect(&m_exporter, &JobRunner::busyChanged, this, [this](bool busy) {
        m_progress->setVisible(busy);
        m_cancel->setVisible(busy);
        m_export->setEnabled(!busy && m_runs->count() > 0);
    });
    connect(&m_exporter, &JobRunner::progressed, this, [this](const Progress& progress) {
        m_progress->setRange(0, progress.total > 0 ? 1000 : 0);
        if (progress.total > 0)
            m_progress->setValue(static_cast<int>(progress.done * 1000 / progress.total));
    });
    column()->addWidget(card);
}

void ExportPage::buildReport()
{
    m_reportCard = new Card(tr("Verification"));
    auto* box = new QWidget;
    m_checks = new QGridLayout(box);
    m_checks->setContentsMargins(0, 0, 0, 0);
    m_checks->setHorizontalSpacing(unit(2));
    m_checks->setVerticalSpacing(unit(1));
    m_checks->setColumnStretch(1, 1);
    m_reportCard->content()->addWidget(box);
    m_files = makeLabel(QString(), TextRank::Small, true);
    m_reportCard->content()->addWidget(m_files);
    m_reportCard->hide();
    column()->addWidget(m_reportCard);
}

void ExportPage::refreshRuns()
{
    m_lister.run<std::vector<api::RunInfo>>([list = m_verbs.listRuns](const std::stop_token&, const ProgressFn&) { return list(); },
                                            [this](std::vector<api::RunInfo> runs) { showRuns(std::move(runs)); },
                                            [this](const Error& error) { m_message->showError(error); });
}

void ExportPage::showRuns(std::vector<api::RunInfo> runs)
{
    std::erase_if(runs, [](const api::RunInfo& info) { return !info.hasAdapter && !info.hasModel; });
    const QString before = m_lastFolder.isEmpty() ? m_runs->currentData().toString() : m_lastFolder;
    m_lastFolder.clear();
    m_infos = std::move(runs);
    m_runs->clear();
    for (const api::RunInfo& info : m_infos) {
        const QString when = toQt(info.created).left(16).replace(QLatin1Char('T'), QLatin1Char(' '));
        m_runs->addItem(QStringLiteral("%1 · %2").arg(when, QFileInfo(toQt(info.model)).fileName()), toQt(info.folder));
    }
    m_runs->setCurrentIndex(std::max(0, m_runs->findData(before)));
    runChosen();
}

const api::RunInfo* ExportPage::chosenRun() const
{
    const QString folder = m_runs->currentData().toString();
    const auto info = std::ranges::find(m_infos, folder, [](const api::RunInfo& candidate) { return toQt(candidate.folder); });
    return info == m_infos.end() ? nullptr : &*info;
}

void ExportPage::runChosen()
{
    const int index = m_runs->currentIndex();
    const api::RunInfo* info = chosenRun();
    m_what->setText(info && info->hasModel
                        ? tr("config.json, model.safetensors and the tokenizer: a whole model, as transformers, vLLM and llama.cpp's converter read it.")
                        : tr("adapter_config.json and adapter_model.safetensors with the tokenizer beside them: transformers, PEFT, vLLM and others load it."));
    m_export->setEnabled(index >= 0 && !m_exporter.isBusy());
    if (index < 0) {
        m_runNote->setText(tr("No finished run yet. Runs appear here when they end with an adapter."));
        m_try->setAdapter(QString(), QString());
        return;
    }
    const QString folder = m_runs->currentData().toString();
    if (!info)
        return;
    QString note = tr("step %1 of %2").arg(info->lastStep).arg(info->totalSteps);
    if (info->validationLoss)
        note += tr(", validation loss %1").arg(QString::number(*info->validationLoss, 'f', 3));
    m_runNote->setText(note + QStringLiteral(" · ") + shortPath(folder, 70));
    if (info->hasModel)
        m_try->setTrainedModel(folder + QStringLiteral("/model"), toQt(info->model));
    else
        m_try->setAdapter(folder + QStringLiteral("/adapter"), toQt(info->model), info->base);
    m_target->setText(QDir::home().filePath((info->hasModel ? QStringLiteral("models/") : QStringLiteral("adapters/")) + QFileInfo(folder).fileName()));
}

void ExportPage::browseTarget()
{
    auto* dialog = new QFileDialog(this, tr("Parent folder of the adapter"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::Directory);
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& folder) {
        m_target->setText(QDir(folder).filePath(QFileInfo(m_runs->currentData().toString()).fileName()));
    });
    dialog->open();
}

void ExportPage::browseRun()
{
    auto* dialog = new QFileDialog(this, tr("Run folder"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::Directory);
    connect(dialog, &QFileDialog::fileSelected, this, &ExportPage::openRun);
    dialog->open();
}

void ExportPage::openRun(const QString& folder)
{
    m_message->hide();
    m_lister.run<api::RunInfo>([inspect = m_verbs.inspectRun, path = toPath(folder)](const std::stop_token&, const ProgressFn&) { return inspect(path); },
                               [this, folder](api::RunInfo info) {
                                   if (!info.hasAdapter && !info.hasModel) {
                                       m_message->showMessage(InlineMessage::Kind::Problem, tr("the run in %1 has trained nothing yet").arg(shortPath(folder)),
                                                              tr("choose one that has ended, or let it end first"));
                                       return;
                                   }
                                   info.folder = toPath(folder);
                                   if (m_runs->findData(folder) < 0) {
                                       m_infos.push_back(std::move(info));
                                       m_runs->addItem(shortPath(folder), folder);
                                   }
                                   m_runs->setCurrentIndex(m_runs->findData(folder));
                               },
                               [this](const Error& error) { m_message->showError(error); });
}

void ExportPage::exportNow()
{
    const QString target = m_target->text().trimmed();
    if (target.isEmpty()) {
        m_message->showMessage(InlineMessage::Kind::Problem, tr("no folder to write to is named"), tr("type one or press Browse"));
        return;
    }
    m_message->hide();
    m_reportCard->hide();
    api::ExportRequest request;
    request.runFolder = toPath(m_runs->currentData().toString());
    request.target = toPath(target);
    request.replace = m_replace->isChecked();
    if (const api::RunInfo* info = chosenRun(); info && info->hasModel)
        request.to = "safetensors";
    m_exporter.run<api::ExportReport>([write = m_verbs.exportRun, request](const std::stop_token& stop, const ProgressFn& progress) { return write(request, stop, progress); },
                                      [this](const api::ExportReport& report) { showReport(report); }, [this](const Error& error) { m_message->showError(error); });
}

void ExportPage::showReport(const api::ExportReport& report)
{
    while (QLayoutItem* item = m_checks->takeAt(0)) {
        delete item->widget();
        delete item;
    }
    m_reportText.clear();
    int row = 0;
    bool good = true;
    for (const api::ExportCheck& check : report.checks) {
        good = good && check.passed;
        QLabel* mark = makeLabel(check.passed ? QStringLiteral("✓") : QStringLiteral("✗"), TextRank::Strong);
        mark->setForegroundRole(check.passed ? QPalette::Link : QPalette::BrightText);
        mark->setAccessibleName(check.passed ? tr("passed") : tr("failed"));
        m_checks->addWidget(mark, row, 0, Qt::AlignTop);
        m_checks->addWidget(makeLabel(sentenceCase(toQt(check.what)), TextRank::Body, true), row, 1);
        m_checks->addWidget(makeLabel(toQt(check.detail), TextRank::Muted), row, 2, Qt::AlignTop);
        m_reportText += QStringLiteral("%1 %2 (%3)\n").arg(check.passed ? tr("passed") : tr("failed"), toQt(check.what), toQt(check.detail));
        ++row;
    }
    QStringList files;
    for (const std::string& file : report.files)
        files << toQt(file);
    const QString hash = toQt(report.sha256);
    const QString weights = files.contains(QStringLiteral("model.safetensors")) ? QStringLiteral("model.safetensors") : QStringLiteral("adapter_model.safetensors");
    m_reportText += QStringLiteral("%1\n%2 SHA-256 %3\n").arg(toQt(report.folder), weights, hash);
    m_files->setText(tr("%1 in %2\n%3, SHA-256 %4 %5").arg(toQt(formatBytes(report.bytes)), files.join(QStringLiteral(", ")), weights, hash.left(32), hash.mid(32)));
    m_reportCard->show();
    m_message->showMessage(good ? InlineMessage::Kind::Good : InlineMessage::Kind::Problem, good ? tr("Exported and verified") : tr("Exported, but a check failed"),
                           shortPath(toQt(report.folder), 90), m_reportText);
    Q_EMIT exported(toQt(report.folder));
}

}  // namespace lorikeet::ui
