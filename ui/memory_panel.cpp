// SPDX-License-Identifier: GPL-3.0-or-later
// Layout and contents of the memory panel.
#include "ui/memory_panel.h"

#include "engine/base/units.h"
#include "ui/budget_category.h"
#include "ui/card.h"
#include "ui/device_chooser.h"
#include "ui/fit_panel.h"
#include "ui/host_bar.h"
#include "ui/memory_bar.h"
#include "ui/run_controller.h"
#include "ui/text.h"
#include "ui/theme.h"

#include <nlohmann/json.hpp>

#include <QEvent>
#include <QHBoxLayout>
#include <QPainter>
#include <QScrollArea>
#include <QVBoxLayout>

namespace lorikeet::ui {

MemoryPanel::MemoryPanel(const EngineVerbs& verbs, JobDocument& document, Budget& budget, RunController& run, Advisor& advisor, QWidget* parent)
    : QWidget(parent), m_verbs(verbs), m_document(document), m_budget(budget), m_run(run), m_advisor(advisor)
{
    buildTop();
    buildCategories();
    fillDevices();
    connect(&budget, &Budget::budgetChanged, this, &MemoryPanel::refresh);
    connect(&budget, &Budget::devicesListed, this, &MemoryPanel::fillDevices);
    connect(&document, &JobDocument::jobChanged, this, [this](const QString& key) {
        if (key.isEmpty() || key == QLatin1String("run.device"))
            m_devices->setCurrent(toQt(m_document.job().run.device));
    });
    connect(&advisor, &Advisor::forecastChanged, this, &MemoryPanel::showSpeed);
    connect(&run, &RunController::memoryMeasured, this, [this] { showMeasured(); });
    connect(&run, &RunController::runPrepared, this, [this] { showMeasured(); });
    refresh();
}

void MemoryPanel::buildTop()
{
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(unit(4), unit(4), unit(3), unit(2));
    layout->setSpacing(unit(1.5));
    layout->addWidget(makeLabel(tr("Memory budget"), TextRank::Heading));
    m_devices = new DeviceChooser;
    connect(m_devices, &DeviceChooser::chosen, this, [this](const QString& id) { m_document.setField("run.device", nlohmann::ordered_json(toStd(id))); });
    layout->addWidget(m_devices);

    m_problem = makeLabel(QString(), TextRank::Muted, true);
    layout->addWidget(m_problem);
    m_numbers = new QWidget;
    auto* column = new QVBoxLayout(m_numbers);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(unit(0.6));
    auto* line = new QHBoxLayout;
    line->setSpacing(unit(1.2));
    m_figure = makeLabel(QString(), TextRank::Figure);
    m_of = makeLabel(QString(), TextRank::Muted);
    line->addWidget(m_figure);
    line->addWidget(m_of, 1, Qt::AlignBottom);
    column->addLayout(line);
    m_bar = new MemoryBar;
    connect(m_bar, &MemoryBar::categoryClicked, this, [this](int index) { m_categories[static_cast<std::size_t>(index)]->setOpen(true); });
    column->addWidget(m_bar);
    m_host = new HostBar;
    column->addWidget(m_host);
    m_verdict = makeLabel(QString(), TextRank::Strong, true);
    m_verdict->setTextFormat(Qt::RichText);
    column->addWidget(m_verdict);
    m_speed = makeLabel(QString(), TextRank::Small, true);
    column->addWidget(m_speed);
    m_delta = makeLabel(QString(), TextRank::Body, true);
    m_delta->setMinimumHeight(QFontMetrics(m_delta->font()).height() * 2);
    m_delta->setAlignment(Qt::AlignTop | Qt::AlignLeft);
    column->addWidget(m_delta);
    layout->addWidget(m_numbers);
}

void MemoryPanel::buildCategories()
{
    auto* scroll = new QScrollArea;
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setFocusPolicy(Qt::NoFocus);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->viewport()->setAutoFillBackground(false);
    auto* body = new QWidget;
    auto* column = new QVBoxLayout(body);
    column->setContentsMargins(0, 0, unit(0.5), 0);
    column->setSpacing(unit(0.5));
    m_fit = new FitPanel(m_advisor, m_budget, m_document);
    column->addWidget(m_fit);
    column->addSpacing(unit(1));
    for (std::size_t i = 0; i < m_categories.size(); ++i) {
        m_categories[i] = new BudgetCategory(i);
        column->addWidget(m_categories[i]);
    }
    m_legend = makeLabel(QString(), TextRank::Small, true);
    column->addWidget(m_legend);
    column->addStretch();
    scroll->setWidget(body);
    // setWidget() makes its widget opaque; the rail's own ground shall show.
    body->setAutoFillBackground(false);
    qobject_cast<QVBoxLayout*>(layout())->addWidget(scroll, 1);
}

void MemoryPanel::fillDevices()
{
    const QString here = tr("This machine");
    std::vector<DeviceChoice> choices{{QStringLiteral("auto"), tr("Automatic: this machine"), {}, here}};
    for (const DeviceSpec& device : m_budget.machineDevices())
        choices.push_back({toQt(device.id), QStringLiteral("%1 · %2").arg(toQt(device.id), toQt(device.name)), toQt(formatBytes(device.totalBytes)), here});
    for (const CatalogueEntry& card : m_verbs.catalogueDevices()) {
        QString detail = toQt(formatBytes(card.memoryBytes));
        if (card.memoryGBps > 0)
            detail += tr(", %1 GB/s").arg(toQt(formatNumber(card.memoryGBps, 4)));
        choices.push_back({toQt(card.id), toQt(card.id), detail, tr("%1, to plan for").arg(toQt(card.group))});
    }
    m_devices->setChoices(std::move(choices));
    m_devices->setCurrent(toQt(m_document.job().run.device));
}

namespace {

/// "In host RAM: kept activations 1.20 GiB, embedding 0.26 GiB." on a line of its own, or nothing.
QString termLines(const QString& heading, const std::vector<plan::Term>& terms)
{
    QStringList parts;
    for (const plan::Term& term : terms)
        if (term.bytes > 0)
            parts << QStringLiteral("%1 %2%3").arg(toQt(term.name), term.estimate ? QStringLiteral("≈ ") : QString(), toQt(formatBytes(term.bytes)));
    return parts.isEmpty() ? QString() : QStringLiteral("\n%1: %2.").arg(heading, parts.join(QStringLiteral(", ")));
}

/// What each of them is, a line each.
QString termSentences(const std::vector<plan::Term>& terms)
{
    QString text;
    for (const plan::Term& term : terms)
        text += QStringLiteral("<p><b>%1</b>: %2<br>%3</p>").arg(toQt(term.name).toHtmlEscaped(), toQt(term.sentence).toHtmlEscaped(), toQt(term.formula).toHtmlEscaped());
    return text;
}

}  // namespace

void MemoryPanel::refresh()
{
    const auto& plan = m_budget.plan();
    m_problem->setText(m_budget.problem());
    m_problem->setVisible(!plan);
    m_numbers->setVisible(plan.has_value());
    for (BudgetCategory* category : m_categories)
        category->setVisible(plan.has_value());
    m_legend->setVisible(plan.has_value());
    if (!plan)
        return;
    const DeviceSpec& device = *m_budget.device();
    m_bar->setMemory(plan->categoryBytes, plan->capacityBytes, device.totalBytes, device.otherBytes);
    for (std::size_t i = 0; i < m_categories.size(); ++i)
        m_categories[i]->setPlan(plan->categoryBytes[i], plan->terms);
    m_figure->setText(toQt(formatBytes(plan->totalBytes())));
    m_of->setText(tr("of %1 usable").arg(toQt(formatBytes(plan->capacityBytes))));
    showVerdict(*plan);
    m_delta->setText(m_budget.delta());
    QString legend = tr("Peak: %1.").arg(toQt(plan::describe(plan->program.points[static_cast<std::size_t>(plan->peakPoint)])));
    legend += termLines(tr("Hatched"), plan->deductions) + termLines(tr("In host RAM"), plan->hostTerms);
    m_host->setMemory(plan->hostBytes, hostBytes());
    m_legend->setText(legend);
    m_legend->setToolTip(termSentences(plan->deductions) + termSentences(plan->hostTerms));
    showMeasured();
}

void MemoryPanel::showVerdict(const plan::MemoryPlan& plan)
{
    const Colours& colours = coloursOf(this);
    const QString room = toQt(plan.roomText());
    QString text;
    QColor colour;
    switch (plan.verdict) {
    case plan::Verdict::Fits:
        text = tr("✓ Fits, %1").arg(room);
        colour = colours.good;
        break;
    case plan::Verdict::Tight:
        text = tr("! Tight, only %1").arg(room);
        colour = colours.warning;
        break;
    case plan::Verdict::DoesNotFit:
        text = tr("✗ Does not fit, %1").arg(room);
        colour = colours.bad;
        break;
    }
    // That nothing trains there is no part of the good news.
    QString planOnly;
    if (const auto family = m_budget.planOnlyFamily())
        planOnly = tr("; to plan for only, Lorikeet cannot run %1 models yet, on any device").arg(*family);
    else if (plan::isPlanOnly(*m_budget.device()))
        planOnly = tr("; to plan for only, Lorikeet does not train there");
    m_verdict->setText(QStringLiteral("<span style=\"color:%1\">%2</span>%3").arg(colour.name(), text.toHtmlEscaped(), planOnly.toHtmlEscaped()));
    m_verdict->setAccessibleName(text + planOnly);
}

void MemoryPanel::showMeasured()
{
    const RunHistory& history = m_run.history();
    // What was measured says something about the plan of that run, not about a job that has been edited since.
    const bool measured = history.memory && history.started && writeJob(m_run.job()) == writeJob(m_document.job());
    for (std::size_t i = 0; i < m_categories.size(); ++i)
        m_categories[i]->setMeasured(measured ? std::optional(history.peakBytes[i]) : std::nullopt, measured ? history.started->plannedBytes[i] : 0);
}

std::uint64_t MemoryPanel::hostBytes() const
{
    for (const DeviceSpec& device : m_budget.machineDevices())
        if (device.kind == DeviceSpec::Kind::Cpu)
            return device.totalBytes;
    return 0;
}

void MemoryPanel::showSpeed()
{
    const auto& forecast = m_advisor.forecast();
    m_speed->setVisible(forecast.has_value());
    if (!forecast)
        return;
    // A line may end before a bracket, not inside it.
    const auto unbroken = [](const std::string& figure) { return toQt(figure).replace(QLatin1Char(' '), QChar(0xa0)); };
    const auto rate = [&unbroken](double value) { return unbroken(formatNumber(value, 2)); };
    QString text = tr("About %1 tokens/s (%2\u00a0to\u00a0%3)").arg(rate(forecast->tokensPerSecond), rate(forecast->tokensPerSecondLow), rate(forecast->tokensPerSecondHigh));
    if (const auto tokens = m_advisor.tokensOfRun(); tokens && forecast->tokensPerSecondLow > 0) {
        const auto duration = [&tokens, &unbroken](double perSecond) { return unbroken(formatDuration(*tokens / perSecond)); };
        text += tr(", %1 for the run (%2\u00a0to\u00a0%3)")
                    .arg(duration(forecast->tokensPerSecond), duration(forecast->tokensPerSecondHigh), duration(forecast->tokensPerSecondLow));
    }
    m_speed->setText(text);
    m_speed->setToolTip(tr("Roofline of one step; %1; MFU %2 %").arg(toQt(forecast->basis), QString::number(100 * forecast->mfu, 'f', 0)));
}

QString MemoryPanel::speedText() const
{
    return m_speed->isVisibleTo(this) ? m_speed->text() : QString();
}

QString MemoryPanel::verdictText() const
{
    return m_verdict->accessibleName();
}

QString MemoryPanel::deltaText() const
{
    return m_delta->text();
}

void MemoryPanel::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.fillRect(rect(), coloursOf(this).rail);
    painter.fillRect(QRect(0, 0, 1, height()), palette().color(QPalette::Mid));
}

void MemoryPanel::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange && m_verdict != nullptr && m_budget.plan())
        showVerdict(*m_budget.plan());
}

}  // namespace lorikeet::ui
