// SPDX-License-Identifier: GPL-3.0-or-later
// What the Run page shows of a run, and what its buttons may do in which state.
#include "ui/run_page.h"

#include "engine/base/files.h"
#include "engine/base/units.h"
#include "ui/budget.h"
#include "ui/budget_category.h"
#include "ui/inline_message.h"
#include "ui/loss_plot.h"
#include "ui/memory_plot.h"
#include "ui/sample_list.h"
#include "ui/text.h"

#include <QProgressBar>

#include <algorithm>

namespace lorikeet::ui {

namespace {

QString wordOf(RunState state)
{
    switch (state) {
    case RunState::Idle: return QObject::tr("Not started");
    case RunState::Starting: return QObject::tr("Starting…");
    case RunState::Running: return QObject::tr("Training");
    case RunState::Paused: return QObject::tr("Paused");
    case RunState::Stopping: return QObject::tr("Stopping, keeping what was learnt…");
    case RunState::Ended: return QObject::tr("Ended");
    }
    return {};
}

}  // namespace

void RunPage::start()
{
    m_message->clearActions();
    const auto& issues = m_document.issues();
    const auto error = std::ranges::find(issues, Issue::Severity::Error, &Issue::severity);
    if (error != issues.end()) {
        m_message->showMessage(InlineMessage::Kind::Problem, toQt(error->message), toQt(error->fix));
        m_message->addAction(tr("Go there"), [this, key = toQt(error->field)] { Q_EMIT fieldRequested(key); });
        return;
    }
    const auto& device = m_budget.device();
    if (device && device->kind == DeviceSpec::Kind::Catalogue) {
        m_message->showMessage(InlineMessage::Kind::Problem, tr("%1 is a card of the catalogue: it can be planned for, not run on").arg(toQt(device->id)),
                               tr("choose a device of this machine in the memory panel"));
        return;
    }
    if (m_budget.plan() && m_budget.plan()->verdict == plan::Verdict::DoesNotFit) {
        m_message->showMessage(InlineMessage::Kind::Problem, tr("the job does not fit into the memory of this device"),
                               tr("lower context or micro-batch, or raise recompute, until the verdict at the right says it fits"));
        m_message->addAction(tr("Go there"), [this] { Q_EMIT fieldRequested(QStringLiteral("recipe.micro_batch")); });
        return;
    }
    m_document.flush();
    api::RunOptions options;
    options.job = m_document.job();
    m_run.start(std::move(options));
}

void RunPage::prepare()
{
    m_message->clearActions();
    m_message->hide();
    m_notice->hide();
    m_plot->clear();
    m_memoryPlot->clear();
    m_samples->clear(toQt(m_run.job().run.samplePrompt));
    m_progress->setRange(0, 1000);
    m_progress->setValue(0);
    m_eta->clear();
    for (Tile* tile : {m_step, m_loss, m_validation, m_speed, m_rate, m_norm})
        tile->setFigure(QString(QChar(0x2013)));
    showMemory();
}

void RunPage::showState(RunState state)
{
    const bool active = m_run.isActive();
    const bool running = state == RunState::Running || state == RunState::Paused;
    m_start->setVisible(!active);
    m_start->setText(state == RunState::Ended ? tr("Start again") : tr("Start"));
    m_start->setAccessibleName(m_start->text());
    for (QPushButton* button : {m_pause, m_stop, m_save})
        button->setVisible(active);
    m_pause->setEnabled(running);
    m_save->setEnabled(running);
    m_stop->setEnabled(active && state != RunState::Stopping);
    m_pause->setText(state == RunState::Paused ? tr("Resume") : tr("Pause"));
    m_pause->setAccessibleName(m_pause->text());
    m_stage->setText(wordOf(state));
    if (state == RunState::Starting || state == RunState::Stopping)
        m_progress->setRange(0, 0);
    else if (m_progress->maximum() == 0)
        m_progress->setRange(0, 1000);
    if (state == RunState::Paused)
        m_eta->setText(tr("nothing is lost; memory stays reserved"));
}

void RunPage::showSteps(const std::vector<StepDone>& steps)
{
    m_plot->addSteps(steps);
    const StepDone& last = steps.back();
    const RunHistory& history = m_run.history();
    const std::int64_t total = history.started ? history.started->totalSteps : 0;
    m_step->setFigure(QStringLiteral("%1 / %2").arg(last.step).arg(total), tr("epoch %1").arg(QString::number(last.epoch, 'f', 2)));
    m_loss->setFigure(QString::number(m_plot->smooth().y.back(), 'f', 4), tr("this step %1").arg(QString::number(last.loss, 'f', 4)));
    m_speed->setFigure(tr("%1 tokens/s").arg(toQt(formatNumber(last.tokensPerSecond, 3))), tr("%1 per step").arg(toQt(formatDuration(last.seconds))));
    m_rate->setFigure(toQt(formatNumber(last.learningRate, 3)));
    m_norm->setFigure(toQt(formatNumber(last.gradNorm, 3)), tr("before clipping"));
    if (m_run.state() == RunState::Stopping)
        return;
    m_progress->setRange(0, 1000);
    m_progress->setValue(total > 0 ? static_cast<int>(last.step * 1000 / total) : 0);
    m_eta->setText(last.step < total ? tr("%1 left").arg(toQt(formatDuration(last.etaSeconds))) : QString());
}

void RunPage::showSamples(const std::vector<SampleDone>& samples)
{
    const std::vector<EvalDone>& evaluations = m_run.history().evaluations;
    for (const SampleDone& sample : samples) {
        const auto evaluation = std::ranges::find(evaluations, sample.step, &EvalDone::step);
        m_samples->addSample(sample, evaluation == evaluations.end() ? std::nullopt : std::optional(evaluation->loss));
    }
}

void RunPage::showProgress(const Progress& progress)
{
    // What is told while it trains is left over from the start: the steps speak for themselves.
    if (m_run.state() == RunState::Running)
        return;
    if (m_run.state() != RunState::Paused && m_run.state() != RunState::Stopping)
        m_stage->setText(sentenceCase(toQt(progress.stage)));
    if (progress.total > 0 && m_run.state() == RunState::Starting) {
        m_progress->setRange(0, 1000);
        m_progress->setValue(static_cast<int>(std::min(progress.done, progress.total) * 1000 / progress.total));
    }
}

void RunPage::showMemory()
{
    const RunHistory& history = m_run.history();
    const bool started = history.started.has_value();
    const bool measured = started && history.memory.has_value();
    CategoryBytes planned{};
    if (started)
        planned = history.started->plannedBytes;
    else if (m_budget.plan())
        planned = m_budget.plan()->categoryBytes;
    std::uint64_t plannedSum = 0;
    std::uint64_t measuredSum = 0;
    for (std::size_t i = 0; i <= planned.size(); ++i) {
        const bool sum = i == planned.size();
        const std::uint64_t plan = sum ? plannedSum : planned[i];
        const std::uint64_t real = sum ? measuredSum : history.peakBytes[i];
        m_memoryCells[3 * i]->setText(plan > 0 ? toQt(formatBytes(plan)) : QString(QChar(0x2013)));
        m_memoryCells[3 * i + 1]->setText(measured ? toQt(formatBytes(real)) : QString(QChar(0x2013)));
        m_memoryCells[3 * i + 2]->setText(measured ? errorText(plan, real) : QString(QChar(0x2013)));
        plannedSum += sum ? 0 : plan;
        measuredSum += sum ? 0 : real;
    }
}

void RunPage::showEnd(const RunEnded& ended)
{
    m_message->clearActions();
    m_eta->clear();
    m_samples->showEnded();
    if (ended.status == RunEnded::Status::Failed) {
        m_progress->setRange(0, 1000);
        m_stage->setText(tr("Failed at step %1").arg(ended.step));
        m_message->showError(Error(ended.errorCode, ended.errorMessage, ended.errorHint));
        return;
    }
    const bool done = ended.status == RunEnded::Status::Done;
    m_stage->setText(done ? tr("Done in %1").arg(toQt(formatDuration(ended.seconds))) : tr("Stopped at step %1").arg(ended.step));
    const std::string& written = ended.modelFolder ? *ended.modelFolder : ended.adapterFolder;
    QString text = done ? (ended.modelFolder ? tr("The model is trained") : tr("The adapter is trained")) : tr("Stopped; what was learnt up to step %1 is kept").arg(ended.step);
    if (ended.validationLossBefore && ended.validationLossAfter && *ended.validationLossBefore > 0) {
        const double fall = 100.0 * (1.0 - *ended.validationLossAfter / *ended.validationLossBefore);
        text += tr(": validation loss from %1 to %2 (%3 %)")
                    .arg(QString::number(*ended.validationLossBefore, 'f', 3), QString::number(*ended.validationLossAfter, 'f', 3), QString::number(-fall, 'f', 1));
    }
    m_message->showMessage(done ? InlineMessage::Kind::Good : InlineMessage::Kind::Note, text,
                           written.empty() ? tr("no adapter was written") : (ended.modelFolder ? tr("model in %1") : tr("adapter in %1")).arg(shortPath(toQt(written), 90)));
    if (!written.empty())
        m_message->addAction(tr("Export or try it"), [this] { Q_EMIT exportRequested(); });
}

}  // namespace lorikeet::ui
