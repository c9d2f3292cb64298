// SPDX-License-Identifier: GPL-3.0-or-later
// Builds and wires; what the window does with files, drops and closing. Menus: main_window_menus.cpp.
#include "ui/main_window.h"

#include "engine/base/files.h"
#include "ui/data_page.h"
#include "ui/export_page.h"
#include "ui/field_control.h"
#include "ui/inline_message.h"
#include "ui/job_place.h"
#include "ui/memory_panel.h"
#include "ui/model_page.h"
#include "ui/recipe_page.h"
#include "ui/run_page.h"
#include "ui/step_rail.h"
#include "ui/text.h"
#include "ui/theme.h"
#include "ui/what_if_page.h"

#include "engine/base/units.h"

#include <nlohmann/json.hpp>

#include <QApplication>
#include <QCloseEvent>
#include <QDragEnterEvent>
#include <QDropEvent>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QMimeData>
#include <QStackedWidget>
#include <QVBoxLayout>

#include <algorithm>
#include <utility>

namespace lorikeet::ui {

MainWindow::MainWindow(EngineVerbs verbs, AppSettings& settings, std::optional<ThemeChoice> fixedTheme)
    : m_verbs(std::move(verbs)), m_settings(settings), m_theme(fixedTheme.value_or(settings.theme())), m_model(m_verbs, m_document),
      m_data(m_verbs, m_document), m_budget(m_verbs, m_document, m_model), m_run(m_verbs),
      m_advisor(m_verbs, m_document, m_model, m_data, m_budget, m_run)
{
    applyChosenTheme();
    setAcceptDrops(true);
    buildPages();
    m_rail->setFixedWidth(unit(30));
    m_memory->setFixedWidth(unit(46));
    buildMenus();
    wire();
    resize(1280, 800);
    setMinimumHeight(560);
    if (const QByteArray geometry = settings.windowGeometry(); !geometry.isEmpty())
        restoreGeometry(geometry);
    showStep(Model);
    refreshRail();
    refreshTitle();
    m_modelPage->findModels();
    m_exportPage->refreshRuns();
}

MainWindow::~MainWindow()
{
    // The pages refer to the members of the window, which go before its children would.
    delete takeCentralWidget();
}

void MainWindow::buildPages()
{
    auto* middle = new QWidget;
    auto* row = new QHBoxLayout(middle);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(0);
    m_rail = new StepRail;
    for (const QString& title : {tr("Model"), tr("Data"), tr("Recipe"), tr("Run"), tr("Export")})
        m_rail->addStep(title);
    m_rail->addGap();
    m_rail->addStep(tr("What if"));
    m_modelPage = new ModelPage(m_verbs, m_document, m_model);
    m_dataPage = new DataPage(m_document, m_data);
    m_recipePage = new RecipePage(m_document, m_advisor, m_model);
    m_runPage = new RunPage(m_document, m_budget, m_run);
    m_exportPage = new ExportPage(m_verbs, m_document, m_run);
    m_whatIfPage = new WhatIfPage(m_verbs, m_document, m_model, m_budget, m_advisor);
    m_stack = new QStackedWidget;
    for (QWidget* page : std::initializer_list<QWidget*>{m_modelPage, m_dataPage, m_recipePage, m_runPage, m_exportPage, m_whatIfPage})
        m_stack->addWidget(page);
    m_memory = new MemoryPanel(m_verbs, m_document, m_budget, m_run, m_advisor);
    m_banner = new InlineMessage;
    auto* centre = new QVBoxLayout;
    centre->setContentsMargins(0, 0, 0, 0);
    centre->setSpacing(0);
    centre->addWidget(m_banner);
    centre->addWidget(m_stack, 1);
    row->addWidget(m_rail);
    row->addLayout(centre, 1);
    row->addWidget(m_memory);
    setCentralWidget(middle);
}

void MainWindow::wire()
{
    connect(m_rail, &StepRail::stepChosen, this, &MainWindow::showStep);
    connect(m_modelPage, &ModelPage::dataRequested, this, [this] { showStep(Data); });
    connect(m_dataPage, &DataPage::recipeRequested, this, [this] { showStep(Recipe); });
    connect(m_recipePage, &RecipePage::runRequested, this, [this] { showStep(Run); });
    connect(m_runPage, &RunPage::exportRequested, this, [this] { showStep(Export); });
    connect(m_runPage, &RunPage::fieldRequested, this, &MainWindow::showField);
    connect(m_exportPage, &ExportPage::exported, this, [this] {
        m_exported = true;
        refreshRail();
    });
    connect(&m_document, &JobDocument::jobChanged, this, [this] { refreshRail(); });
    connect(&m_model, &ModelProbe::modelChanged, this, [this] { refreshRail(); });
    connect(&m_data, &DataProbe::dataChanged, this, [this] { refreshRail(); });
    connect(&m_document, &JobDocument::pathChanged, this, &MainWindow::refreshTitle);
    connect(&m_document, &JobDocument::saved, this, &MainWindow::rememberJob);
    connect(&m_document, &JobDocument::saveFailed, this,
            [this](const QString& message, const QString& hint) { showDismissable(Error(ErrorCode::Target, toStd(message), toStd(hint))); });
    connect(&m_run, &RunController::stateChanged, this, [this] { refreshRail(); });
    connect(&m_run, &RunController::stepsArrived, this, [this] { refreshRail(); });
    connect(&m_run, &RunController::runEnded, this, [this] {
        refreshRail();
        if (m_closeWhenEnded)
            close();
    });
    connect(&m_systemTheme, &SystemTheme::changed, this, [this] { applyChosenTheme(); });
}

void MainWindow::showStep(int step)
{
    m_stack->setCurrentIndex(step);
    m_rail->setCurrent(step);
}

int MainWindow::currentStep() const
{
    return m_stack->currentIndex();
}

void MainWindow::showField(const QString& key)
{
    const bool isModel = key.startsWith(QLatin1String("model."));
    const bool isData = key.startsWith(QLatin1String("data."));
    showStep(isModel ? Model : isData ? Data : Recipe);
    if (isModel || isData)
        return;
    m_recipePage->setAdvancedShown(true);
    if (const FieldControl* control = m_recipePage->controlOf(toStd(key))) {
        control->focusWidgetOfField()->setFocus(Qt::OtherFocusReason);
        m_recipePage->scrollArea()->ensureWidgetVisible(control->focusWidgetOfField());
    }
}

namespace {

bool hasError(const JobDocument& document, const char* section)
{
    return std::ranges::any_of(document.issues(), [section](const Issue& issue) {
        return issue.severity == Issue::Severity::Error && issue.field.starts_with(section);
    });
}

}  // namespace

void MainWindow::refreshRail()
{
    const Job& job = m_document.job();
    const auto& info = m_model.info();
    m_rail->step(Model)->setStep(m_model.problem() ? StepState::Problem : info ? StepState::Ready : m_model.isBusy() ? StepState::Busy : StepState::Empty,
                                 info ? toQt(info->shape.name) : m_model.problem() ? tr("cannot be used") : tr("not chosen"));
    const auto& summary = m_data.summary();
    const bool dataProblem = m_data.problem() || (!job.data.path.empty() && hasError(m_document, "data."));
    QString rows = summary ? tr("%1 rows").arg(toQt(formatInteger(static_cast<std::uint64_t>(summary->trainRows + summary->validationRows))))
                 : m_data.info() ? tr("%1 rows").arg(m_data.info()->rows)
                                 : tr("not chosen");
    if (dataProblem)
        rows = tr("needs attention");
    else if (!summary && m_data.isBusy())
        rows = tr("counting…");
    m_rail->step(Data)->setStep(dataProblem ? StepState::Problem : summary ? StepState::Ready : m_data.isBusy() ? StepState::Busy : StepState::Empty, rows);
    const bool recipeProblem = hasError(m_document, "recipe.") || hasError(m_document, "run.");
    const QString epochs = job.recipe.epochs == 1 ? tr("1 epoch") : tr("%1 epochs").arg(toQt(formatNumber(job.recipe.epochs, 3)));
    m_rail->step(Recipe)->setStep(recipeProblem ? StepState::Problem : StepState::Ready, tr("r %1, %2").arg(job.recipe.rank).arg(epochs));
    const RunHistory& history = m_run.history();
    StepState runState = StepState::Empty;
    QString runText = tr("not started");
    if (m_run.isActive()) {
        runState = StepState::Busy;
        const std::int64_t total = history.started ? history.started->totalSteps : 0;
        runText = history.steps.empty() ? tr("starting") : tr("step %1 of %2").arg(history.steps.back().step).arg(total);
        if (m_run.state() == RunState::Paused)
            runText = tr("paused");
        if (m_run.state() == RunState::Stopping)
            runText = tr("stopping");
    } else if (history.ended) {
        const bool failed = history.ended->status == RunEnded::Status::Failed;
        runState = failed ? StepState::Problem : StepState::Ready;
        runText = failed ? tr("failed") : tr("%1 steps").arg(history.ended->step);
    }
    m_rail->step(Run)->setStep(runState, runText);
    m_rail->step(Export)->setStep(m_exported ? StepState::Ready : StepState::Empty, m_exported ? tr("written and verified") : tr("nothing written"));
    m_rail->step(WhatIf)->setStep(info ? StepState::Ready : StepState::Empty, tr("other settings"));
}

void MainWindow::refreshTitle()
{
    const QString path = toQt(m_document.path());
    setWindowFilePath(path);
    setWindowTitle(path.isEmpty() ? QStringLiteral("Lorikeet") : QFileInfo(path).fileName() + QStringLiteral(" · Lorikeet"));
}

void MainWindow::showDismissable(const Error& error)
{
    m_banner->clearActions();
    m_banner->showError(error);
    m_banner->addAction(tr("Dismiss"), [this] { m_banner->hide(); });
}

bool MainWindow::openJob(const QString& path)
{
    const std::filesystem::path file = toPath(QFileInfo(path).absoluteFilePath());
    const bool own = mayWriteJob(file, m_bundledFolder);
    try {
        m_document.openCopy(file, own ? file : newJobFile(stemOfJob(file)));
    } catch (const Error& error) {
        showDismissable(error);
        return false;
    }
    m_banner->hide();
    if (own) {
        rememberJob();
    } else {
        m_banner->clearActions();
        m_banner->showMessage(InlineMessage::Kind::Note, tr("This is a copy: %1 is only read").arg(shortPath(path, 70)),
                              tr("changes are saved in %1; File, Save job as puts it where you like").arg(shortPath(toQt(m_document.path()), 70)));
        m_banner->addAction(tr("Dismiss"), [this] { m_banner->hide(); });
    }
    return true;
}

void MainWindow::rememberJob()
{
    const QString path = toQt(m_document.path());
    if (path.isEmpty() || m_settings.recentJobs().value(0) == path)
        return;
    m_settings.addRecentJob(path);
    fillRecent();
}

void MainWindow::takePath(const QString& path)
{
    const QFileInfo file(path);
    const QString name = file.fileName().toLower();
    if (name.endsWith(QLatin1String(".lorikeet.json"))) {
        openJob(path);
    } else if (file.isDir() || name.endsWith(QLatin1String(".gguf")) || name == QLatin1String("config.json") || name.endsWith(QLatin1String(".safetensors"))) {
        const bool shard = name.endsWith(QLatin1String(".safetensors"));
        m_modelPage->chooseModel(shard ? file.absolutePath() : file.absoluteFilePath());
        showStep(Model);
    } else {
        m_dataPage->chooseData(file.absoluteFilePath());
        showStep(Data);
    }
}

void MainWindow::startRun()
{
    showStep(Run);
    m_runPage->start();
}

bool MainWindow::isSettled() const
{
    return !m_run.isActive() && !m_model.isBusy() && !m_data.isBusy() && !m_budget.isBusy() && !m_modelPage->isBusy() && !m_exportPage->isBusy()
        && !m_advisor.isBusy() && !m_whatIfPage->isBusy();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event)
{
    const QList<QUrl> urls = event->mimeData()->urls();
    if (urls.size() == 1 && urls.front().isLocalFile())
        event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event)
{
    const QList<QUrl> urls = event->mimeData()->urls();
    if (urls.size() != 1 || !urls.front().isLocalFile())
        return;
    event->acceptProposedAction();
    takePath(urls.front().toLocalFile());
}

void MainWindow::resizeEvent(QResizeEvent* event)
{
    QMainWindow::resizeEvent(event);
    // The sides give way before the page does.
    const bool narrow = width() < unit(190);
    m_rail->setFixedWidth(unit(narrow ? 30 : 36));
    m_memory->setFixedWidth(unit(narrow ? 46 : 58));
}

void MainWindow::closeEvent(QCloseEvent* event)
{
    if (m_run.isActive()) {
        event->ignore();
        // Who closes again while the question stands has answered it.
        if (m_askedToClose)
            endSoon();
        else if (!m_closeWhenEnded)
            askBeforeClosing();
        return;
    }
    m_document.flush();
    m_settings.setWindowGeometry(saveGeometry());
    event->accept();
}

void MainWindow::askBeforeClosing()
{
    m_askedToClose = true;
    m_banner->clearActions();
    m_banner->showMessage(InlineMessage::Kind::Warning, tr("A run is going on"), tr("stop and keep what was learnt so far, or let it finish and close then"));
    QPushButton* stop = m_banner->addAction(tr("Stop and keep"), [this] { endSoon(); });
    m_banner->addAction(tr("Keep running"), [this] {
        m_askedToClose = false;
        m_closeWhenEnded = true;
        m_banner->hide();
        showMinimized();
    });
    m_banner->addAction(tr("Cancel"), [this] {
        m_askedToClose = false;
        m_banner->hide();
    });
    stop->setFocus(Qt::OtherFocusReason);
}

void MainWindow::endSoon()
{
    m_askedToClose = false;
    m_closeWhenEnded = true;
    if (!m_run.isActive()) {
        close();
        return;
    }
    m_banner->clearActions();
    m_banner->showMessage(InlineMessage::Kind::Note, tr("Stopping and saving; the window closes by itself"));
    m_run.stopAndKeep();
}

void MainWindow::applyChosenTheme()
{
    const bool dark = m_theme == ThemeChoice::Dark || (m_theme == ThemeChoice::System && m_systemTheme.isDark());
    applyTheme(*qApp, dark);
}

void MainWindow::setTheme(ThemeChoice choice)
{
    m_theme = choice;
    m_settings.setTheme(choice);
    applyChosenTheme();
}

}  // namespace lorikeet::ui
