// SPDX-License-Identifier: GPL-3.0-or-later
// Painting of the line, rows of the terms.
#include "ui/budget_category.h"

#include "engine/base/units.h"
#include "ui/card.h"
#include "ui/memory_bar.h"
#include "ui/text.h"
#include "ui/theme.h"

#include <QHBoxLayout>
#include <QPainter>
#include <QVBoxLayout>

#include <cmath>

namespace lorikeet::ui {

QString errorText(std::uint64_t planned, std::uint64_t measured)
{
    if (planned == measured)
        return QObject::tr("exact");
    if (planned == 0)
        return QObject::tr("not planned");
    const double percent = 100.0 * (static_cast<double>(measured) / static_cast<double>(planned) - 1.0);
    const QString text = QString::number(percent, 'f', std::abs(percent) < 10 ? 1 : 0);
    return (percent >= 0 ? QStringLiteral("+") : QString()) + text + QStringLiteral(" %");
}

CategoryButton::CategoryButton(std::size_t category, QWidget* parent) : QAbstractButton(parent), m_category(category)
{
    setCheckable(true);
    setText(categoryTitle(category));
    setFocusPolicy(Qt::StrongFocus);
    setAttribute(Qt::WA_Hover);
    setCursor(Qt::PointingHandCursor);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void CategoryButton::setFigures(const QString& planned, const QString& measured)
{
    m_planned = planned;
    m_measured = measured;
    setAccessibleName(measured.isEmpty() ? QStringLiteral("%1, %2").arg(text(), planned) : QStringLiteral("%1, planned %2, %3").arg(text(), planned, measured));
    updateGeometry();
    update();
}

QSize CategoryButton::sizeHint() const
{
    const int line = fontMetrics().height();
    return {unit(30), line + unit(2) + (m_measured.isEmpty() ? 0 : QFontMetrics(smallFont()).height())};
}

void CategoryButton::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const Colours& colours = coloursOf(this);
    if (underMouse() || showsFocus(this)) {
        painter.setPen(showsFocus(this) ? QPen(palette().color(QPalette::Highlight), 1.5) : QPen(Qt::NoPen));
        painter.setBrush(underMouse() ? palette().color(QPalette::AlternateBase) : QColor(Qt::transparent));
        painter.drawRoundedRect(QRectF(rect()).adjusted(1, 1, -1, -1), 5, 5);
    }
    const int line = fontMetrics().height();
    const QRect top(unit(1), unit(1), width() - unit(2), line);
    painter.setPen(Qt::NoPen);
    painter.setBrush(colours.memory[m_category]);
    const int side = unit(2.2);
    painter.drawRoundedRect(QRect(top.left(), top.center().y() - side / 2, side, side), 3, 3);
    painter.setPen(palette().color(QPalette::Text));
    painter.drawText(top.adjusted(side + unit(1.5), 0, 0, 0), Qt::AlignLeft | Qt::AlignVCenter, text());
    painter.setFont(strongFont());
    painter.drawText(top.adjusted(0, 0, -unit(3), 0), Qt::AlignRight | Qt::AlignVCenter, m_planned);
    painter.setPen(QPen(colours.muted, 1.5, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    const QPointF c(top.right() - unit(0.6), top.center().y() + 0.5);
    const qreal w = unit(0.8);
    painter.drawPolyline(isChecked() ? QPolygonF{{c.x() - w, c.y() + w / 2}, {c.x(), c.y() - w / 2}, {c.x() + w, c.y() + w / 2}}
                                     : QPolygonF{{c.x() - w, c.y() - w / 2}, {c.x(), c.y() + w / 2}, {c.x() + w, c.y() - w / 2}});
    if (m_measured.isEmpty())
        return;
    painter.setFont(smallFont());
    painter.setPen(colours.muted);
    painter.drawText(QRect(top.left(), top.bottom() + 1, top.width() - unit(3), QFontMetrics(smallFont()).height()), Qt::AlignRight | Qt::AlignVCenter, m_measured);
}

BudgetCategory::BudgetCategory(std::size_t category, QWidget* parent) : QWidget(parent), m_category(category)
{
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    m_button = new CategoryButton(category);
    layout->addWidget(m_button);
    m_body = new QWidget;
    m_rows = new QVBoxLayout(m_body);
    m_rows->setContentsMargins(unit(1), unit(0.5), unit(1), unit(1.5));
    m_rows->setSpacing(unit(2));
    m_body->hide();
    layout->addWidget(m_body);
    connect(m_button, &QAbstractButton::toggled, this, [this](bool open) {
        m_body->setVisible(open);
        showTerms();
    });
    showFigures();
}

void BudgetCategory::setPlan(std::uint64_t bytes, const std::vector<plan::Term>& terms)
{
    m_bytes = bytes;
    m_terms = terms;
    std::erase_if(m_terms, [this](const plan::Term& term) { return static_cast<std::size_t>(term.category) != m_category; });
    showFigures();
    showTerms();
}

void BudgetCategory::setMeasured(std::optional<std::uint64_t> bytes, std::uint64_t planned)
{
    m_measured = bytes;
    m_plannedOfRun = planned;
    showFigures();
}

void BudgetCategory::setOpen(bool open)
{
    m_button->setChecked(open);
}

bool BudgetCategory::isOpen() const
{
    return m_button->isChecked();
}

void BudgetCategory::showFigures()
{
    m_measuredText.clear();
    if (m_measured) {
        // The plan of the run may differ a little from the plan of now: the program itself has grown since.
        const QString planned = m_plannedOfRun == m_bytes ? QString() : tr(" of %1").arg(toQt(formatBytes(m_plannedOfRun)));
        m_measuredText = tr("measured %1%2, %3").arg(toQt(formatBytes(*m_measured)), planned, errorText(m_plannedOfRun, *m_measured));
    }
    m_button->setFigures(toQt(formatBytes(m_bytes)), m_measuredText);
}

BudgetCategory::TermRow BudgetCategory::makeRow()
{
    TermRow row;
    row.box = new QWidget;
    auto* column = new QVBoxLayout(row.box);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(unit(0.3));
    auto* line = new QHBoxLayout;
    row.name = makeLabel(QString(), TextRank::Body, true);
    row.bytes = makeLabel(QString(), TextRank::Body);
    line->addWidget(row.name, 1);
    line->addWidget(row.bytes, 0, Qt::AlignTop);
    column->addLayout(line);
    row.sentence = makeLabel(QString(), TextRank::Small, true);
    row.formula = makeLabel(QString(), TextRank::Small, true);
    row.formula->setTextInteractionFlags(Qt::TextSelectableByMouse);
    row.formula->setForegroundRole(QPalette::Text);
    column->addWidget(row.sentence);
    column->addWidget(row.formula);
    m_rows->addWidget(row.box);
    return row;
}

void BudgetCategory::showTerms()
{
    // Closed rows cost nothing while a slider is dragged.
    if (!isOpen())
        return;
    while (m_termRows.size() < m_terms.size())
        m_termRows.push_back(makeRow());
    for (std::size_t i = 0; i < m_termRows.size(); ++i) {
        const bool used = i < m_terms.size();
        m_termRows[i].box->setVisible(used);
        if (!used)
            continue;
        const plan::Term& term = m_terms[i];
        m_termRows[i].name->setText(sentenceCase(toQt(term.name)));
        m_termRows[i].bytes->setText((term.estimate ? QStringLiteral("≈ ") : QString()) + toQt(formatBytes(term.bytes)));
        QString sentence = toQt(term.sentence);
        if (term.estimate && term.highBytes > term.lowBytes)
            sentence += QLatin1Char(' ') + tr("An estimate: %1 to %2.").arg(toQt(formatBytes(term.lowBytes)), toQt(formatBytes(term.highBytes)));
        m_termRows[i].sentence->setText(sentence);
        m_termRows[i].formula->setText(QStringLiteral("= ") + toQt(term.formula).replace(QStringLiteral(" x "), QStringLiteral(" × ")));
    }
}

}  // namespace lorikeet::ui
