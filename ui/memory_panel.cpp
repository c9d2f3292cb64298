// SPDX-License-Identifier: GPL-3.0-or-later
// Layout and contents of the memory panel.
#include "ui/memory_panel.h"

#include "engine/base/units.h"
#include "ui/budget_category.h"
#include "ui/card.h"
#include "ui/memory_bar.h"
#include "ui/run_controller.h"
#include "ui/text.h"
#include "ui/theme.h"

#include <nlohmann/json.hpp>

#include <QComboBox>
#include <QEvent>
#include <QHBoxLayout>
#include <QPainter>
#include <QScrollArea>
#include <QStandardItemModel>
#include <QVBoxLayout>

namespace lorikeet::ui {

MemoryPanel::MemoryPanel(const EngineVerbs& verbs, JobDocument& document, Budget& budget, RunController& run, QWidget* parent)
    : QWidget(parent), m_verbs(verbs), m_document(document), m_budget(budget), m_run(run)
{
    buildTop();
    buildCategories();
    fillDevices();
    connect(&budget, &Budget::budgetChanged, this, &MemoryPanel::refresh);
    connect(&budget, &Budget::devicesListed, this, &MemoryPanel::fillDevices);
    connect(&document, &JobDocument::jobChanged, this, [this](const QString& key) {
        if (key.isEmpty() || key == QLatin1String("run.device"))
            fillDevices();
    });
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
    m_devices = new QComboBox;
    m_devices->setFocusPolicy(Qt::StrongFocus);
    m_devices->setAccessibleName(tr("Device to plan and run on"));
    m_devices->setObjectName(QStringLiteral("run.device"));
    m_devices->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_devices->setMinimumContentsLength(12);
    connect(m_devices, &QComboBox::activated, this, [this](int) {
        m_document.setField("run.device", nlohmann::ordered_json(toStd(m_devices->currentData().toString())));
    });
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
    m_verdict = makeLabel(QString(), TextRank::Strong, true);
    m_verdict->setTextFormat(Qt::RichText);
    column->addWidget(m_verdict);
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
    const QString current = toQt(m_document.job().run.device);
    m_devices->clear();
    m_devices->addItem(tr("Automatic: this machine"), QStringLiteral("auto"));
    for (const DeviceSpec& device : m_budget.machineDevices())
        m_devices->addItem(QStringLiteral("%1 · %2").arg(toQt(device.id), toQt(device.name)), toQt(device.id));
    m_devices->insertSeparator(m_devices->count());
    for (const std::string& name : m_verbs.catalogueDevices())
        m_devices->addItem(tr("%1 (plan only)").arg(toQt(name)), toQt(name));
    if (m_devices->findData(current) < 0)
        m_devices->addItem(current, current);
    m_devices->setCurrentIndex(m_devices->findData(current));
    m_devices->setToolTip(m_devices->currentText());
}

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
    const std::uint64_t elsewhere = device.totalBytes > plan->capacityBytes ? device.totalBytes - plan->capacityBytes : 0;
    QString legend = tr("Peak: %1.").arg(toQt(plan::describe(plan->program.points[static_cast<std::size_t>(plan->peakPoint)])));
    if (elsewhere > 0)
        legend += QLatin1Char(' ') + tr("Hatched: %1 that the system and other programs hold.").arg(toQt(formatBytes(elsewhere)));
    if (plan->hostBytes > 0)
        legend += QLatin1Char(' ') + tr("Host memory besides: %1.").arg(toQt(formatBytes(plan->hostBytes)));
    m_legend->setText(legend);
    showMeasured();
}

void MemoryPanel::showVerdict(const plan::MemoryPlan& plan)
{
    const Colours& colours = coloursOf(this);
    const std::uint64_t total = plan.totalBytes();
    QString text;
    QColor colour;
    switch (plan.verdict) {
    case plan::Verdict::Fits:
        text = tr("✓ Fits, %1 stay free").arg(toQt(formatBytes(plan.capacityBytes - total)));
        colour = colours.good;
        break;
    case plan::Verdict::Tight:
        text = tr("! Tight, only %1 stay free").arg(toQt(formatBytes(plan.capacityBytes - total)));
        colour = colours.warning;
        break;
    case plan::Verdict::DoesNotFit:
        text = tr("✗ Does not fit, %1 too much").arg(toQt(formatBytes(total - plan.capacityBytes)));
        colour = colours.bad;
        break;
    }
    m_verdict->setText(QStringLiteral("<span style=\"color:%1\">%2</span>").arg(colour.name(), text.toHtmlEscaped()));
    m_verdict->setAccessibleName(text);
}

void MemoryPanel::showMeasured()
{
    const RunHistory& history = m_run.history();
    // What was measured says something about the plan of that run, not about a job that has been edited since.
    const bool measured = history.memory && history.started && writeJob(m_run.job()) == writeJob(m_document.job());
    for (std::size_t i = 0; i < m_categories.size(); ++i)
        m_categories[i]->setMeasured(measured ? std::optional(history.peakBytes[i]) : std::nullopt, measured ? history.started->plannedBytes[i] : 0);
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
