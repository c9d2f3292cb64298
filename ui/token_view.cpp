// SPDX-License-Identifier: GPL-3.0-or-later
// Text formats of the tokens.
#include "ui/token_view.h"

#include "ui/text.h"
#include "ui/theme.h"

#include <QEvent>
#include <QTextCursor>

namespace lorikeet::ui {

namespace {

/// Line breaks are shown and kept; other control characters are shown as their pictures.
QString visibleText(const std::string& token)
{
    QString text;
    for (const QChar c : toQt(token)) {
        if (c == QLatin1Char('\n'))
            text += QStringLiteral("↵\n");
        else if (c == QLatin1Char('\t'))
            text += QStringLiteral("⇥");
        else if (c.unicode() < 0x20)
            text += QChar(0x2400 + c.unicode());
        else
            text += c;
    }
    return text;
}

}  // namespace

TokenView::TokenView(QWidget* parent) : QTextBrowser(parent)
{
    setAccessibleName(tr("Row as the model sees it"));
    setUndoRedoEnabled(false);
    setFont(monoFont());
    setMinimumHeight(unit(40));
    document()->setDocumentMargin(unit(2));
}

void TokenView::showRow(const api::PreviewRow& row)
{
    m_row = row;
    render();
}

void TokenView::clearRow()
{
    m_row = {};
    clear();
}

void TokenView::changeEvent(QEvent* event)
{
    QTextBrowser::changeEvent(event);
    if (event->type() == QEvent::PaletteChange)
        render();
}

void TokenView::render()
{
    clear();
    const Colours& colours = coloursOf(this);
    QTextCursor cursor(document());
    cursor.beginEditBlock();
    bool odd = false;
    for (const api::PreviewToken& token : m_row.tokens) {
        QTextCharFormat format;
        QColor tint = token.trained ? colours.trainedToken : colours.maskedToken;
        // Neighbours differ a little, so that one sees where a token ends.
        if (odd)
            tint = colours.dark ? tint.lighter(128) : tint.darker(107);
        format.setBackground(tint);
        format.setForeground(token.trained ? palette().color(QPalette::Text) : colours.muted);
        format.setToolTip(tr("token %1, %2").arg(token.id).arg(token.trained ? tr("trained") : tr("not trained")));
        cursor.insertText(visibleText(token.text), format);
        odd = !odd;
    }
    cursor.endEditBlock();
    moveCursor(QTextCursor::Start);
}

}  // namespace lorikeet::ui
