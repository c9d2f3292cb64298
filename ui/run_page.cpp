// SPDX-License-Identifier: GPL-3.0-or-later
// Layout of the Run page.
#include "ui/run_page.h"

#include "ui/budget.h"
#include "ui/inline_message.h"
#include "ui/loss_plot.h"
#include "ui/memory_bar.h"
#include "ui/memory_plot.h"
#include "ui/sample_list.h"
#include "ui/text.h"
#include "ui/theme.h"

#include <QCheckBox>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QPainter>
#include <QProgressBar>
#include <QVBoxLayout>

#include <numeric>

namespace lorikeet::ui {

RunPage::RunPage(JobDocument& document, Budget& budget, RunController& run, QWidget* parent)
    : Page(tr("Run"), tr("The window stays free while it trains."), parent), m_document(document), m_budget(budget), m_run(run)
{
    buildButtons();
    m_message = new InlineMessage;
    column()->addWidget(m_message);
    buildProgress();
    buildFigures();
    buildPlot();
    buildSamples();
    buildMemoryPlot();
    buildMemory();
    m_notice = new InlineMessage;
    column()->addWidget(m_notice);
    connect(&run, &RunController::runPrepared, this, &RunPage::prepare);
    connect(&run, &RunController::stateChanged, this, &RunPage::showState);
    connect(&run, &RunController::runStarted, this, [this] {
        const RunStarted& started = *m_run.history().started;
        m_plot->setTotalSteps(started.totalSteps);
        m_memoryPlot->setTotalSteps(started.totalSteps);
        m_memoryPlot->setPlanned(std::accumulate(started.plannedBytes.begin(), started.plannedBytes.end(), std::uint64_t{0}));
        showMemory();
    });
    connect(&run, &RunController::stepsArrived, this, &RunPage::showSteps);
    connect(&run, &RunController::evaluationsArrived, this, [this](const std::vector<EvalDone>& evaluations) {
        m_plot->addEvaluations(evaluations);
        m_validation->setFigure(QString::number(evaluations.back().loss, 'f', 4), tr("at step %1").arg(evaluations.back().step));
    });
    connect(&run, &RunController::samplesArrived, this, &RunPage::showSamples);
    connect(&run, &RunController::memoryMeasured, this, [this](const MemoryMeasured& memory) {
        m_memoryPlot->addMeasured(memory);
        showMemory();
    });
    connect(&run, &RunController::progressed, this, &RunPage::showProgress);
    connect(&run, &RunController::noticed, this, [this](const QString& text) { m_notice->showMessage(InlineMessage::Kind::Note, text); });
    connect(&run, &RunController::checkpointSaved, this, [this](const CheckpointSaved& saved) {
        m_notice->showMessage(InlineMessage::Kind::Good, tr("Checkpoint of step %1 saved").arg(saved.step), shortPath(toQt(saved.folder), 90));
    });
    connect(&run, &RunController::runEnded, this, &RunPage::showEnd);
    connect(&budget, &Budget::budgetChanged, this, [this] { showMemory(); });
    showState(run.state());
    showMemory();
}

void RunPage::buildButtons()
{
    m_start = makeButton(tr("Start"), ButtonKind::Primary);
    m_pause = makeButton(tr("Pause"));
    m_save = makeButton(tr("Save now"));
    m_stop = makeButton(tr("Stop and keep"));
    m_stop->setToolTip(tr("Ends the run and keeps a checkpoint and the adapter of the last finished step"));
    for (QPushButton* button : {m_save, m_stop, m_pause, m_start})
        actions()->addWidget(button);
    connect(m_start, &QPushButton::clicked, this, &RunPage::start);
    connect(m_pause, &QPushButton::clicked, this, [this] {
        if (m_run.state() == RunState::Paused)
            m_run.resume();
        else
            m_run.pause();
    });
    connect(m_save, &QPushButton::clicked, this, [this] { m_run.saveNow(); });
    connect(m_stop, &QPushButton::clicked, this, [this] { m_run.stopAndKeep(); });
}

void RunPage::buildProgress()
{
    auto* card = new Card;
    auto* line = new QHBoxLayout;
    m_stage = makeLabel(QString(), TextRank::Strong);
    m_eta = makeLabel(QString(), TextRank::Muted);
    line->addWidget(m_stage, 1);
    line->addWidget(m_eta);
    card->content()->addLayout(line);
    m_progress = new QProgressBar;
    m_progress->setTextVisible(false);
    m_progress->setFixedHeight(unit(1.8));
    m_progress->setRange(0, 1000);
    m_progress->setAccessibleName(tr("Progress of the run"));
    card->content()->addWidget(m_progress);
    column()->addWidget(card);
}

void RunPage::buildFigures()
{
    auto* card = new Card;
    auto* grid = new QGridLayout;
    grid->setHorizontalSpacing(unit(4));
    grid->setVerticalSpacing(unit(2.5));
    m_step = new Tile(tr("Step"));
    m_loss = new Tile(tr("Loss, smoothed"));
    m_validation = new Tile(tr("Validation loss"));
    m_speed = new Tile(tr("Speed"));
    m_rate = new Tile(tr("Learning rate"));
    m_norm = new Tile(tr("Gradient norm"));
    int at = 0;
    for (Tile* tile : {m_step, m_loss, m_validation, m_speed, m_rate, m_norm}) {
        grid->addWidget(tile, at / 3, at % 3);
        grid->setColumnStretch(at % 3, 1);
        ++at;
    }
    card->content()->addLayout(grid);
    column()->addWidget(card);
}

void RunPage::buildPlot()
{
    auto* card = new Card(tr("Loss"));
    m_plot = new LossPlot;
    m_plot->setFixedHeight(unit(52));
    m_logarithmic = new QCheckBox(tr("Logarithmic"));
    m_logarithmic->setAccessibleName(tr("Logarithmic loss axis"));
    connect(m_logarithmic, &QCheckBox::toggled, this, [this](bool on) { m_plot->setLogarithmic(on); });
    QPushButton* reset = makeButton(tr("Show all"), ButtonKind::Quiet);
    reset->setAccessibleName(tr("Show the whole curve"));
    connect(reset, &QPushButton::clicked, this, [this] { m_plot->resetZoom(); });
    card->headingLine()->addWidget(m_logarithmic);
    card->headingLine()->addWidget(reset);
    addSaveButton(*card, *m_plot, tr("Save the loss curve"), QStringLiteral("loss.png"));
    card->content()->addWidget(m_plot);
    column()->addWidget(card);
}

void RunPage::buildSamples()
{
    m_samples = new SampleList;
    column()->addWidget(m_samples);
    connect(m_samples, &SampleList::promptRequested, this, [this] { Q_EMIT fieldRequested(QStringLiteral("run.sample_prompt")); });
    // Until a run has begun the card is about the one that would; afterwards it is about the one that has been.
    const auto follow = [this] {
        if (m_run.state() == RunState::Idle)
            m_samples->clear(toQt(m_document.job().run.samplePrompt));
    };
    connect(&m_document, &JobDocument::jobChanged, this, follow);
    follow();
}

void RunPage::buildMemoryPlot()
{
    auto* card = new Card(tr("Memory over time"));
    m_memoryPlot = new MemoryPlot;
    m_memoryPlot->setFixedHeight(unit(40));
    addSaveButton(*card, *m_memoryPlot, tr("Save memory over time"), QStringLiteral("memory.png"));
    card->content()->addWidget(m_memoryPlot);
    column()->addWidget(card);
}

void RunPage::addSaveButton(Card& card, PlotView& plot, const QString& accessibleName, const QString& fileName)
{
    QPushButton* save = makeButton(tr("Save as…"), ButtonKind::Quiet);
    save->setAccessibleName(accessibleName);
    save->setToolTip(tr("As a picture (PNG), vectors (PDF) or numbers (CSV)"));
    connect(save, &QPushButton::clicked, &plot, [&plot, fileName] { plot.chooseFileAndSave(fileName); });
    connect(&plot, &PlotView::saved, this, [this](const QString& file) { m_notice->showMessage(InlineMessage::Kind::Good, tr("Saved"), shortPath(file, 90)); });
    connect(&plot, &PlotView::saveFailed, this, [this](const QString& message, const QString& hint) { m_notice->showMessage(InlineMessage::Kind::Problem, message, hint); });
    card.headingLine()->addWidget(save);
}

void RunPage::buildMemory()
{
    auto* card = new Card(tr("Memory, planned against measured"));
    auto* grid = new QGridLayout;
    grid->setHorizontalSpacing(unit(4));
    grid->setVerticalSpacing(unit(1));
    grid->setColumnStretch(0, 1);
    const QStringList heads{QString(), tr("planned"), tr("measured"), tr("difference")};
    for (int c = 1; c < 4; ++c)
        grid->addWidget(makeLabel(heads[c], TextRank::Small), 0, c, Qt::AlignRight);
    for (int r = 0; r < 6; ++r) {
        grid->addWidget(makeLabel(r < 5 ? categoryTitle(static_cast<std::size_t>(r)) : tr("Together"), r < 5 ? TextRank::Body : TextRank::Strong), r + 1, 0);
        for (int c = 1; c < 4; ++c) {
            QLabel* cell = makeLabel(QString(QChar(0x2013)), r < 5 ? TextRank::Body : TextRank::Strong);
            cell->setMinimumWidth(unit(11));
            cell->setAlignment(Qt::AlignRight);
            grid->addWidget(cell, r + 1, c);
            m_memoryCells.push_back(cell);
        }
    }
    card->content()->addLayout(grid);
    column()->addWidget(card);
}

}  // namespace lorikeet::ui
