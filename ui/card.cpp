// SPDX-License-Identifier: GPL-3.0-or-later
// Cards, labels, tiles, page frames.
#include "ui/card.h"

#include "ui/theme.h"

#include <QHBoxLayout>
#include <QPainter>
#include <QScrollBar>
#include <QVBoxLayout>

namespace lorikeet::ui {

QLabel* makeLabel(const QString& text, TextRank rank, bool wrap)
{
    auto* label = new QLabel(text);
    label->setTextFormat(Qt::PlainText);
    label->setWordWrap(wrap);
    switch (rank) {
    case TextRank::Title: label->setFont(titleFont()); break;
    case TextRank::Heading: label->setFont(headingFont()); break;
    case TextRank::Strong: label->setFont(strongFont()); break;
    case TextRank::Figure: label->setFont(figureFont()); break;
    case TextRank::Mono: label->setFont(monoFont()); break;
    case TextRank::Small: label->setFont(smallFont()); break;
    case TextRank::Body:
    case TextRank::Muted: break;
    }
    if (rank == TextRank::Muted || rank == TextRank::Small)
        label->setForegroundRole(QPalette::PlaceholderText);
    return label;
}

QPushButton* makeButton(const QString& text, ButtonKind kind)
{
    auto* button = new QPushButton(text);
    button->setAccessibleName(QString(text).remove(QLatin1Char('&')));
    button->setAutoDefault(false);
    if (kind == ButtonKind::Primary) {
        button->setProperty("primary", true);
        button->setFont(strongFont());
    } else if (kind == ButtonKind::Quiet) {
        button->setProperty("quiet", true);
    }
    return button;
}

Card::Card(const QString& heading, QWidget* parent) : QFrame(parent)
{
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(unit(3), unit(2.5), unit(3), unit(2.5));
    outer->setSpacing(unit(1.5));
    m_headingLine = new QHBoxLayout;
    if (!heading.isEmpty()) {
        m_headingLine->addWidget(makeLabel(heading, TextRank::Heading));
        m_headingLine->addStretch();
        outer->addLayout(m_headingLine);
    } else {
        outer->addLayout(m_headingLine);
        m_headingLine->setContentsMargins(0, 0, 0, 0);
    }
    m_content = new QVBoxLayout;
    m_content->setSpacing(unit(1.5));
    outer->addLayout(m_content);
}

void Card::setChosen(bool chosen)
{
    m_chosen = chosen;
    update();
}

void Card::setDashed(bool dashed)
{
    m_dashed = dashed;
    update();
}

void Card::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const qreal width = m_chosen ? 2.0 : 1.0;
    const QColor line = palette().color(m_chosen ? QPalette::Highlight : QPalette::Mid);
    painter.setPen(QPen(line, width, m_dashed ? Qt::DashLine : Qt::SolidLine));
    painter.setBrush(palette().color(QPalette::Base));
    painter.drawRoundedRect(QRectF(rect()).adjusted(width / 2, width / 2, -width / 2, -width / 2), 8, 8);
}

Tile::Tile(const QString& caption, QWidget* parent) : QWidget(parent)
{
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(unit(0.3));
    m_caption = makeLabel(caption, TextRank::Small);
    m_figure = makeLabel(QString(QChar(0x2013)), TextRank::Figure);
    m_note = makeLabel(QString(), TextRank::Small, true);
    layout->addWidget(m_caption);
    layout->addWidget(m_figure);
    layout->addWidget(m_note);
    m_note->hide();
    layout->addStretch();
}

void Tile::setFigure(const QString& figure, const QString& note)
{
    m_figure->setText(figure);
    m_note->setText(note);
    m_note->setVisible(!note.isEmpty());
}

namespace {

/// A column that scrolls up and down and is never cut at the right: it is at least as wide as its contents need.
class ColumnArea : public QScrollArea {
public:
    [[nodiscard]] QSize minimumSizeHint() const override
    {
        const int inside = widget() == nullptr ? 0 : widget()->minimumSizeHint().width();
        return {inside + verticalScrollBar()->sizeHint().width(), unit(30)};
    }
};

}  // namespace

Page::Page(const QString& title, const QString& subtitle, QWidget* parent) : QWidget(parent)
{
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->setSpacing(0);
    auto* top = new QHBoxLayout;
    top->setContentsMargins(unit(5), unit(4), unit(5), unit(2.5));
    auto* words = new QVBoxLayout;
    words->setSpacing(unit(0.3));
    words->addWidget(makeLabel(title, TextRank::Title));
    m_subtitle = makeLabel(subtitle, TextRank::Muted, true);
    words->addWidget(m_subtitle);
    top->addLayout(words, 1);
    m_actions = new QHBoxLayout;
    m_actions->setSpacing(unit(2));
    top->addLayout(m_actions);
    top->setAlignment(m_actions, Qt::AlignTop);
    outer->addLayout(top);

    m_scroll = new ColumnArea;
    m_scroll->setWidgetResizable(true);
    m_scroll->setFrameShape(QFrame::NoFrame);
    m_scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    // Always there (drawn only when needed), so that cards keep their width and line up with the heading.
    m_scroll->setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOn);
    m_scroll->setFocusPolicy(Qt::NoFocus);
    auto* body = new QWidget;
    auto* bodyLayout = new QVBoxLayout(body);
    bodyLayout->setContentsMargins(unit(5), unit(1), unit(5) - m_scroll->verticalScrollBar()->sizeHint().width(), unit(5));
    m_column = new QVBoxLayout;
    m_column->setSpacing(unit(3));
    bodyLayout->addLayout(m_column);
    bodyLayout->addStretch(1);
    m_scroll->setWidget(body);
    outer->addWidget(m_scroll, 1);
}

void Page::setSubtitle(const QString& text)
{
    m_subtitle->setText(text);
}

}  // namespace lorikeet::ui
