// SPDX-License-Identifier: GPL-3.0-or-later
// Rows of the ways, applying and undoing.
#include "ui/fit_panel.h"

#include "engine/base/units.h"
#include "engine/spec/job_fields.h"
#include "ui/card.h"
#include "ui/text.h"
#include "ui/theme.h"

#include <QHBoxLayout>
#include <QVBoxLayout>

#include <cmath>

namespace lorikeet::ui {

namespace {

constexpr std::size_t kMostRows = 8;

QString qualityWord(plan::Quality quality)
{
    switch (quality) {
    case plan::Quality::Neutral: return QObject::tr("learns the same");
    case plan::Quality::Bounded: return QObject::tr("learns nearly the same");
    case plan::Quality::Changed: return QObject::tr("learns something else");
    }
    return {};
}

}  // namespace

QString slowdownText(double slowdown)
{
    const double percent = std::abs(slowdown - 1.0) * 100.0;
    if (!std::isfinite(slowdown) || percent < 0.5)
        return QObject::tr("no slower");
    const QString text = QString::number(percent, 'f', 0);
    return slowdown > 1 ? QObject::tr("+%1\u00a0% time per token").arg(text) : QObject::tr("%1\u00a0% less time per token").arg(text);
}

FitPanel::FitPanel(Advisor& advisor, const Budget& budget, JobDocument& document, QWidget* parent)
    : QWidget(parent), m_advisor(advisor), m_budget(budget), m_document(document)
{
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(unit(1));
    m_button = makeButton(QString());
    m_button->setCheckable(true);
    column->addWidget(m_button);
    buildDone();
    column->addWidget(m_done);
    m_body = new QWidget;
    auto* body = new QVBoxLayout(m_body);
    body->setContentsMargins(0, 0, 0, unit(1));
    body->setSpacing(unit(1.5));
    m_state = makeLabel(QString(), TextRank::Small, true);
    body->addWidget(m_state);
    m_rowsLayout = new QVBoxLayout;
    m_rowsLayout->setSpacing(unit(2));
    body->addLayout(m_rowsLayout);
    m_body->hide();
    column->addWidget(m_body);
    connect(m_button, &QPushButton::toggled, this, [this](bool open) {
        m_body->setVisible(open);
        m_advisor.setWaysWanted(open);
        refresh();
    });
    connect(&advisor, &Advisor::waysChanged, this, &FitPanel::refresh);
    connect(&document.history(), &QUndoStack::indexChanged, this, [this](int index) { m_done->setVisible(index == m_doneIndex); });
    refresh();
}

void FitPanel::buildDone()
{
    m_done = new QWidget;
    auto* row = new QHBoxLayout(m_done);
    row->setContentsMargins(0, 0, 0, 0);
    m_doneText = makeLabel(QString(), TextRank::Small, true);
    row->addWidget(m_doneText, 1);
    QPushButton* back = makeButton(tr("Undo"), ButtonKind::Quiet);
    back->setAccessibleName(tr("Undo what was applied"));
    connect(back, &QPushButton::clicked, this, &FitPanel::undo);
    row->addWidget(back, 0, Qt::AlignTop);
    m_done->hide();
}

FitPanel::Row FitPanel::makeRow(std::size_t index)
{
    Row row;
    row.box = new QWidget;
    auto* words = new QVBoxLayout(row.box);
    words->setContentsMargins(0, 0, 0, 0);
    words->setSpacing(unit(0.3));
    auto* line = new QHBoxLayout;
    line->setSpacing(unit(1));
    row.summary = makeLabel(QString(), TextRank::Body, true);
    row.figures = makeLabel(QString(), TextRank::Small, true);
    row.figures->setForegroundRole(QPalette::Text);
    row.note = makeLabel(QString(), TextRank::Small, true);
    row.apply = makeButton(tr("Apply"));
    connect(row.apply, &QPushButton::clicked, this, [this, index] { apply(index); });
    line->addWidget(row.summary, 1);
    line->addWidget(row.apply, 0, Qt::AlignTop);
    words->addLayout(line);
    words->addWidget(row.figures);
    words->addWidget(row.note);
    m_rowsLayout->addWidget(row.box);
    return row;
}

void FitPanel::setOpen(bool open)
{
    m_button->setChecked(open);
}

bool FitPanel::isOpen() const
{
    return m_button->isChecked();
}

void FitPanel::refresh()
{
    const auto& plan = m_budget.plan();
    m_button->setVisible(plan.has_value());
    const bool fits = !plan || plan->verdict != plan::Verdict::DoesNotFit;
    const QString text = fits ? tr("What the room could buy") : tr("Make it fit");
    m_button->setText(text + (isOpen() ? QStringLiteral("  \u25b4") : QStringLiteral("  \u25be")));
    m_button->setAccessibleName(text);
    if (!isOpen())
        return;
    const auto& answer = m_advisor.ways();
    const std::size_t count = answer ? std::min(answer->ways.size(), kMostRows) : 0;
    for (std::size_t i = count; i < m_rows.size(); ++i)
        m_rows[i].box->hide();
    m_state->setVisible(true);
    if (!m_advisor.waysProblem().isEmpty())
        m_state->setText(m_advisor.waysProblem());
    else if (!answer)
        m_state->setText(tr("Planning the ways…"));
    else
        showWays(*answer);
}

void FitPanel::showWays(const plan::FitAnswer& answer)
{
    const std::size_t count = std::min(answer.ways.size(), kMostRows);
    while (m_rows.size() < count)
        m_rows.push_back(makeRow(m_rows.size()));
    for (std::size_t i = 0; i < count; ++i)
        showWay(m_rows[i], answer.ways[i]);
    if (count == 0)
        m_state->setText(answer.reason.empty() ? tr("Nothing to change.") : sentenceCase(toQt(answer.reason)));
    else if (m_advisor.waysMakeFit())
        m_state->setText(tr("Best first: what learns the same, then what costs the least time."));
    else
        m_state->setText(tr("Each of these fits on this device, one at a time."));
}

void FitPanel::showWay(Row& row, const plan::FitWay& way)
{
    row.summary->setText(sentenceCase(toQt(way.summary)));
    const QString bytes = way.bytesSaved >= 0 ? tr("saves %1").arg(toQt(formatBytes(static_cast<std::uint64_t>(way.bytesSaved))))
                                              : tr("uses %1").arg(toQt(formatBytes(static_cast<std::uint64_t>(-way.bytesSaved))));
    QString figures = tr("%1, needs %2; %3; %4").arg(bytes, toQt(formatBytes(way.totalBytes)), slowdownText(way.slowdown), qualityWord(way.quality));
    if (way.hostBytes > 0)
        figures += tr("; %1 in host RAM").arg(toQt(formatBytes(way.hostBytes)));
    row.figures->setText(figures);
    row.note->setText(toQt(way.qualityNote));
    row.note->setVisible(!way.qualityNote.empty());
    row.apply->setAccessibleName(tr("Apply: %1").arg(toQt(way.summary)));
    row.box->show();
}

void FitPanel::apply(std::size_t index)
{
    const auto& answer = m_advisor.ways();
    if (!answer || index >= answer->ways.size())
        return;
    const plan::FitWay way = answer->ways[index];
    Job job = m_document.job();
    for (const plan::FieldChange& change : way.changes)
        setJobField(job, change.field, change.to);
    const QString summary = toQt(way.summary);
    m_document.changeJob(job, m_button->accessibleName() + QStringLiteral(": ") + summary);
    m_doneIndex = m_document.history().index();
    m_doneText->setText(tr("Applied: %1").arg(summary));
    m_done->show();
}

void FitPanel::undo()
{
    // Only what was applied here: had anything come after it, this line would be gone.
    if (m_document.history().index() == m_doneIndex)
        m_document.history().undo();
    m_done->hide();
}

QString FitPanel::heading() const
{
    return m_button->accessibleName();
}

QString FitPanel::stateText() const
{
    return m_state->text();
}

QString FitPanel::rowText(std::size_t index) const
{
    if (index >= m_rows.size() || !m_rows[index].box->isVisibleTo(this))
        return {};
    return m_rows[index].summary->text() + QLatin1Char('\n') + m_rows[index].figures->text();
}

}  // namespace lorikeet::ui
