// SPDX-License-Identifier: GPL-3.0-or-later
// Painting of the rail.
#include "ui/step_rail.h"

#include "ui/card.h"
#include "ui/theme.h"

#include <QHBoxLayout>
#include <QIcon>
#include <QPainter>
#include <QShortcut>
#include <QVBoxLayout>

namespace lorikeet::ui {

StepButton::StepButton(const QString& title, int number, QWidget* parent) : QAbstractButton(parent)
{
    setText(title);
    setCheckable(true);
    setAutoExclusive(true);
    setFocusPolicy(Qt::StrongFocus);
    setAttribute(Qt::WA_Hover);
    setToolTip(QStringLiteral("%1 (Ctrl+%2)").arg(title).arg(number));
    setStep(StepState::Empty, QString());
}

void StepButton::setStep(StepState state, const QString& summary)
{
    m_state = state;
    m_summary = summary;
    const QString word = state == StepState::Empty ? tr("not chosen yet") : state == StepState::Ready ? tr("ready") : state == StepState::Busy ? tr("at work") : tr("has a problem");
    setAccessibleName(QStringLiteral("%1, %2%3").arg(text(), word, summary.isEmpty() ? QString() : QStringLiteral(", ") + summary));
    update();
}

QSize StepButton::sizeHint() const
{
    return {unit(34), fontMetrics().height() + QFontMetrics(smallFont()).height() + unit(3.2)};
}

void StepButton::paintDot(QPainter& painter, const QPointF& centre) const
{
    const Colours& colours = coloursOf(this);
    const qreal r = unit(0.9);
    painter.setPen(Qt::NoPen);
    switch (m_state) {
    case StepState::Empty:
        painter.setPen(QPen(colours.muted, 1.5));
        painter.setBrush(Qt::NoBrush);
        painter.drawEllipse(centre, r - 0.5, r - 0.5);
        break;
    case StepState::Ready:
        painter.setBrush(colours.good);
        painter.drawEllipse(centre, r, r);
        break;
    case StepState::Busy:
        painter.setPen(QPen(palette().color(QPalette::Highlight), 2));
        painter.setBrush(Qt::NoBrush);
        painter.drawArc(QRectF(centre.x() - r, centre.y() - r, 2 * r, 2 * r), 30 * 16, 270 * 16);
        break;
    case StepState::Problem:
        painter.setBrush(colours.bad);
        // A diamond: the state is told by shape, not by colour alone.
        painter.drawPolygon(QPolygonF{{centre.x(), centre.y() - r - 1}, {centre.x() + r + 1, centre.y()}, {centre.x(), centre.y() + r + 1}, {centre.x() - r - 1, centre.y()}});
        break;
    }
}

void StepButton::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const QRectF box = QRectF(rect()).adjusted(unit(1.5), 1, -unit(1.5), -1);
    if (isChecked() || underMouse() || showsFocus(this)) {
        QColor fill = palette().color(QPalette::Highlight);
        fill.setAlpha(isChecked() ? 36 : underMouse() ? 18 : 0);
        painter.setPen(showsFocus(this) ? QPen(palette().color(QPalette::Highlight), 1.5) : QPen(Qt::NoPen));
        painter.setBrush(fill);
        painter.drawRoundedRect(box, 6, 6);
    }
    paintDot(painter, QPointF(box.left() + unit(2.4), box.top() + unit(1.4) + fontMetrics().height() / 2.0));
    const int left = static_cast<int>(box.left()) + unit(5);
    const int textWidth = static_cast<int>(box.right()) - left - unit(1);
    painter.setFont(isChecked() ? strongFont() : font());
    painter.setPen(palette().color(QPalette::Text));
    QRect line(left, static_cast<int>(box.top()) + unit(1.4), textWidth, fontMetrics().height());
    painter.drawText(line, Qt::AlignLeft | Qt::AlignVCenter, text());
    painter.setFont(smallFont());
    painter.setPen(coloursOf(this).muted);
    const QFontMetrics small(smallFont());
    line = QRect(left, line.bottom() + 1, textWidth, small.height());
    painter.drawText(line, Qt::AlignLeft | Qt::AlignVCenter, small.elidedText(m_summary, Qt::ElideRight, textWidth));
}

StepRail::StepRail(QWidget* parent) : QWidget(parent)
{
    m_layout = new QVBoxLayout(this);
    m_layout->setContentsMargins(0, unit(3.5), 1, unit(3));
    m_layout->setSpacing(unit(1));
    auto* head = new QHBoxLayout;
    head->setContentsMargins(unit(3), 0, unit(2), unit(2.5));
    head->setSpacing(unit(1.8));
    auto* logo = new QLabel;
    const int side = unit(7.5);
    logo->setPixmap(QIcon(QStringLiteral(":/icons/lorikeet.svg")).pixmap(side, side));
    head->addWidget(logo);
    head->addWidget(makeLabel(QStringLiteral("Lorikeet"), TextRank::Heading), 1);
    m_layout->addLayout(head);
    m_stepsLayout = new QVBoxLayout;
    m_stepsLayout->setSpacing(unit(0.6));
    m_layout->addLayout(m_stepsLayout);
    m_layout->addStretch();
}

int StepRail::addStep(const QString& title)
{
    const int index = static_cast<int>(m_steps.size());
    auto* step = new StepButton(title, index + 1);
    m_stepsLayout->addWidget(step);
    m_steps.push_back(step);
    connect(step, &QAbstractButton::clicked, this, [this, index] { Q_EMIT stepChosen(index); });
    auto* shortcut = new QShortcut(QKeySequence(Qt::CTRL | static_cast<Qt::Key>(Qt::Key_1 + index)), this);
    connect(shortcut, &QShortcut::activated, this, [this, index] { Q_EMIT stepChosen(index); });
    return index;
}

void StepRail::addGap()
{
    m_stepsLayout->addSpacing(unit(4));
}

void StepRail::setCurrent(int index)
{
    m_steps[static_cast<std::size_t>(index)]->setChecked(true);
}

void StepRail::addAtBottom(QWidget* widget)
{
    m_layout->addWidget(widget);
}

void StepRail::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.fillRect(rect(), coloursOf(this).rail);
    painter.fillRect(QRect(width() - 1, 0, 1, height()), palette().color(QPalette::Mid));
}

}  // namespace lorikeet::ui
