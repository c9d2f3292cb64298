// SPDX-License-Identifier: GPL-3.0-or-later
// Layout of the What if page and its questions. What is shown of the answers: what_if_page_contents.cpp.
#include "ui/what_if_page.h"

#include "ui/inline_message.h"
#include "ui/memory_bar.h"
#include "ui/plot_view.h"
#include "ui/text.h"
#include "ui/theme.h"

#include <QButtonGroup>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QTableWidget>
#include <QVBoxLayout>

namespace lorikeet::ui {

namespace {

constexpr int kDelayMs = 200;

QString titleOf(plan::Axis axis)
{
    switch (axis) {
    case plan::Axis::Context: return QObject::tr("Context");
    case plan::Axis::MicroBatch: return QObject::tr("Micro-batch");
    case plan::Axis::Rank: return QObject::tr("Rank");
    case plan::Axis::Recompute: return QObject::tr("Recompute");
    case plan::Axis::Method: return QObject::tr("Method");
    }
    return {};
}

/// The job as LoRA, QLoRA and full fine-tuning.
std::vector<Job> methodsOf(const Job& job)
{
    return {plan::withMethod(job, "lora", "none"), plan::withMethod(job, "lora", "nf4"), plan::withMethod(job, "full", "none")};
}

}  // namespace

WhatIfPage::WhatIfPage(const EngineVerbs& verbs, JobDocument& document, const ModelProbe& model, const Budget& budget, const Advisor& advisor, QWidget* parent)
    : Page(tr("What if"), tr("The same planner that the engine executes, asked about other settings of this job."), parent), m_verbs(verbs),
      m_document(document), m_model(model), m_budget(budget), m_advisor(advisor)
{
    m_delay.setSingleShot(true);
    m_delay.setInterval(kDelayMs);
    connect(&m_delay, &QTimer::timeout, this, &WhatIfPage::ask);
    buildChoices();
    m_message = new InlineMessage;
    column()->addWidget(m_message);
    buildPlot();
    buildInverse();
    buildTable();
    connect(&budget, &Budget::budgetChanged, this, &WhatIfPage::askLater);
    showNothing(tr("Choose a model, and its memory is planned here."));
}

void WhatIfPage::buildChoices()
{
    auto* card = new Card(tr("What changes"));
    auto* row = new QHBoxLayout;
    row->setSpacing(unit(1));
    m_axes = new QButtonGroup(this);
    for (const plan::Axis axis : plan::kAxes) {
        QPushButton* button = makeButton(titleOf(axis));
        // They share the line evenly, in a narrow window too.
        button->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
        button->setMaximumWidth(unit(26));
        button->setCheckable(true);
        button->setAccessibleName(tr("What changes: %1").arg(titleOf(axis)));
        m_axes->addButton(button, static_cast<int>(axis));
        row->addWidget(button, 1);
    }
    m_axes->button(static_cast<int>(m_axis))->setChecked(true);
    connect(m_axes, &QButtonGroup::idClicked, this, [this](int id) { setAxis(static_cast<plan::Axis>(id)); });
    card->content()->addLayout(row);
    auto* second = new QHBoxLayout;
    second->setSpacing(unit(1));
    auto* what = new QButtonGroup(this);
    const std::array<QString, 2> names{tr("The five parts"), tr("LoRA, QLoRA, full")};
    for (std::size_t i = 0; i < names.size(); ++i) {
        m_shows[i] = makeButton(names[i]);
        m_shows[i]->setCheckable(true);
        m_shows[i]->setAccessibleName(tr("Show: %1").arg(names[i]));
        what->addButton(m_shows[i], static_cast<int>(i));
        second->addWidget(m_shows[i]);
    }
    m_shows[0]->setChecked(true);
    connect(what, &QButtonGroup::idClicked, this, [this](int id) { setMethodsCompared(id == 1); });
    second->addStretch();
    card->content()->addLayout(second);
    column()->addWidget(card);
}

void WhatIfPage::buildPlot()
{
    auto* card = new Card(tr("Memory"));
    m_state = makeLabel(QString(), TextRank::Small, true);
    m_partsPlot = new PlotView;
    m_methodsPlot = new PlotView;
    const std::array<QString, 3> methods{tr("LoRA"), tr("QLoRA (NF4)"), tr("full fine-tuning")};
    for (std::size_t i = 0; i < methods.size(); ++i) {
        CurveStyle style{methods[i], [this, i] { return coloursOf(this).memory[std::array<std::size_t, 3>{0, 3, 2}[i]]; }, 2.0, true};
        m_methodCurves[i] = m_methodsPlot->addCurve(style);
    }
    QPushButton* save = makeButton(tr("Save as…"), ButtonKind::Quiet);
    save->setAccessibleName(tr("Save the what-if plot"));
    save->setToolTip(tr("As a picture (PNG), vectors (PDF) or numbers (CSV)"));
    connect(save, &QPushButton::clicked, this, [this] { shownPlot()->chooseFileAndSave(QStringLiteral("what-if.png")); });
    card->headingLine()->addWidget(save);
    for (PlotView* plot : {m_partsPlot, m_methodsPlot}) {
        plot->setFixedHeight(unit(56));
        plot->setLegendBelow();
        plot->setFromZero(true);
        plot->setAccessibleName(tr("Memory, what if"));
        connect(plot, &PlotView::saved, this, [this](const QString& file) { m_message->showMessage(InlineMessage::Kind::Good, tr("Saved"), shortPath(file, 90)); });
        connect(plot, &PlotView::saveFailed, this, [this](const QString& message, const QString& hint) { m_message->showMessage(InlineMessage::Kind::Problem, message, hint); });
        card->content()->addWidget(plot);
    }
    m_methodsPlot->hide();
    m_partsPlot->setCsv([this] { return m_answer ? plan::toCsv(m_answer->parts) : std::string(); });
    card->content()->addWidget(m_state);
    column()->addWidget(card);
}

void WhatIfPage::buildInverse()
{
    auto* card = new Card(tr("The other way round"));
    m_smallest = makeLabel(QString(), TextRank::Body, true);
    m_longest = makeLabel(QString(), TextRank::Body, true);
    card->content()->addWidget(m_smallest);
    card->content()->addWidget(m_longest);
    column()->addWidget(card);
}

void WhatIfPage::buildTable()
{
    auto* card = new Card(tr("In numbers"));
    m_table = new QTableWidget(0, 5);
    m_table->setHorizontalHeaderLabels({tr("Setting"), tr("Memory"), tr("Host RAM"), tr("Verdict"), tr("Tokens/s")});
    m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
    m_table->verticalHeader()->hide();
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setShowGrid(false);
    m_table->setTabKeyNavigation(false);
    m_table->setAccessibleName(tr("What if, in numbers"));
    card->content()->addWidget(m_table);
    column()->addWidget(card);
}

void WhatIfPage::setAxis(plan::Axis axis)
{
    m_axis = axis;
    m_axes->button(static_cast<int>(axis))->setChecked(true);
    // The methods are the axis already.
    m_shows[1]->setEnabled(axis != plan::Axis::Method);
    ask();
}

void WhatIfPage::setMethodsCompared(bool compared)
{
    m_compared = compared;
    m_shows[compared ? 1 : 0]->setChecked(true);
    if (m_answer)
        show(*m_answer);
}

PlotView* WhatIfPage::shownPlot() const
{
    return m_compared && m_axis != plan::Axis::Method ? m_methodsPlot : m_partsPlot;
}

void WhatIfPage::showEvent(QShowEvent* event)
{
    Page::showEvent(event);
    askLater();
}

void WhatIfPage::askLater()
{
    if (isVisible())
        m_delay.start();
}

void WhatIfPage::ask()
{
    m_delay.stop();
    if (!m_budget.plan() || !m_model.info() || !m_budget.device()) {
        m_runner.cancel();
        m_answer.reset();
        showNothing(m_budget.problem());
        return;
    }
    m_state->setText(tr("Planning…"));
    const auto work = [ask = m_verbs.whatIf, axis = m_axis, shape = m_model.info()->shape, job = m_document.job(), device = m_advisor.ratedDevice(),
                       load = m_advisor.workload()](const std::stop_token& stop, const ProgressFn&) {
        WhatIfAnswer answer;
        answer.parts = ask(axis, shape, job, device, load);
        if (axis == plan::Axis::Method)
            return answer;
        for (const Job& method : methodsOf(job)) {
            throwIfStopped(stop);
            try {
                answer.methods.push_back(ask(axis, shape, method, device, load));
            } catch (const Error& error) {
                if (error.code() == ErrorCode::Cancelled)
                    throw;
                answer.methods.emplace_back();
                answer.problems.push_back(error.message());
            }
        }
        return answer;
    };
    m_runner.run<WhatIfAnswer>(work,
                               [this](WhatIfAnswer answer) {
                                   m_answer = std::move(answer);
                                   show(*m_answer);
                               },
                               [this](const Error& error) {
                                   m_answer.reset();
                                   showNothing(sentenceCase(toQt(error.message())));
                               });
    askInverse();
}

}  // namespace lorikeet::ui
