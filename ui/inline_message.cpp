// SPDX-License-Identifier: GPL-3.0-or-later
// Layout and painting of an inline message.
#include "ui/inline_message.h"

#include "ui/card.h"
#include "ui/text.h"
#include "ui/theme.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QPainter>
#include <QVBoxLayout>

#include <utility>

namespace lorikeet::ui {

InlineMessage::InlineMessage(QWidget* parent) : QFrame(parent)
{
    auto* outer = new QHBoxLayout(this);
    outer->setContentsMargins(unit(3.5), unit(2), unit(2), unit(2));
    outer->setSpacing(unit(2));
    auto* words = new QVBoxLayout;
    words->setSpacing(unit(0.4));
    m_message = makeLabel(QString(), TextRank::Body, true);
    m_hint = makeLabel(QString(), TextRank::Muted, true);
    for (QLabel* label : {m_message, m_hint})
        label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    words->addWidget(m_message);
    words->addWidget(m_hint);
    outer->addLayout(words, 1);
    m_actions = new QHBoxLayout;
    m_actions->setSpacing(unit(1));
    outer->addLayout(m_actions);
    m_copy = makeButton(tr("Copy details"), ButtonKind::Quiet);
    connect(m_copy, &QPushButton::clicked, this, [this] { QGuiApplication::clipboard()->setText(m_details); });
    outer->addWidget(m_copy);
    hide();
}

void InlineMessage::showMessage(Kind kind, const QString& message, const QString& hint, const QString& details)
{
    m_kind = kind;
    m_message->setText(sentenceCase(message));
    m_hint->setText(sentenceCase(hint));
    m_hint->setVisible(!hint.isEmpty());
    m_details = details;
    m_copy->setVisible(!details.isEmpty());
    setAccessibleName(message);
    setAccessibleDescription(hint);
    show();
    update();
}

void InlineMessage::showError(const Error& error)
{
    const QString details = QStringLiteral("%1: %2\n%3").arg(toQt(nameOf(error.code())), toQt(error.message()), toQt(error.hint()));
    showMessage(Kind::Problem, toQt(error.message()), toQt(error.hint()), details);
}

QPushButton* InlineMessage::addAction(const QString& text, std::function<void()> order)
{
    QPushButton* button = makeButton(text);
    connect(button, &QPushButton::clicked, this, [order = std::move(order)] { order(); });
    m_actions->addWidget(button);
    button->show();
    return button;
}

void InlineMessage::clearActions()
{
    while (QLayoutItem* item = m_actions->takeAt(0)) {
        // The button that was pressed may be among them.
        item->widget()->hide();
        item->widget()->deleteLater();
        delete item;
    }
}

QString InlineMessage::message() const
{
    return m_message->text();
}

QString InlineMessage::hint() const
{
    return m_hint->text();
}

QColor InlineMessage::colour() const
{
    const Colours& colours = coloursOf(this);
    switch (m_kind) {
    case Kind::Good: return colours.good;
    case Kind::Warning: return colours.warning;
    case Kind::Problem: return colours.bad;
    case Kind::Note: break;
    }
    return palette().color(QPalette::Highlight);
}

void InlineMessage::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    QColor fill = colour();
    fill.setAlpha(coloursOf(this).dark ? 34 : 22);
    painter.setPen(Qt::NoPen);
    painter.setBrush(palette().color(QPalette::Base));
    painter.drawRoundedRect(rect(), 8, 8);
    painter.setBrush(fill);
    painter.drawRoundedRect(rect(), 8, 8);
    painter.setBrush(colour());
    painter.drawRoundedRect(QRectF(unit(1), unit(1.6), 3, height() - unit(3.2)), 1.5, 1.5);
}

}  // namespace lorikeet::ui
