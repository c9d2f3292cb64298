// SPDX-License-Identifier: GPL-3.0-or-later
// One read-only text: a bold line for each evaluation, the answer below it.
#include "ui/sample_list.h"

#include "engine/base/units.h"
#include "ui/text.h"
#include "ui/theme.h"

#include <QHBoxLayout>
#include <QScrollBar>
#include <QTextBlock>
#include <QTextBrowser>
#include <QTextCursor>
#include <QVBoxLayout>

namespace lorikeet::ui {

SampleList::SampleList(QWidget* parent) : Card(tr("Samples"), parent)
{
    m_prompt = makeLabel(QString(), TextRank::Muted, true);
    m_givePrompt = makeButton(tr("Give a prompt"), ButtonKind::Quiet);
    connect(m_givePrompt, &QPushButton::clicked, this, &SampleList::promptRequested);
    headingLine()->addWidget(m_givePrompt);
    m_answers = new QTextBrowser;
    m_answers->setAccessibleName(tr("Answers to the sample prompt, newest first"));
    m_answers->setOpenLinks(false);
    m_answers->setTabChangesFocus(true);
    m_answers->document()->setDocumentMargin(unit(1.5));
    m_answers->setFixedHeight(unit(34));
    content()->addWidget(m_prompt);
    content()->addWidget(m_answers);
    clear(QString());
}

void SampleList::showEmpty(const QString& words, bool offersPrompt)
{
    m_prompt->setText(words);
    m_givePrompt->setVisible(offersPrompt);
    m_answers->hide();
}

void SampleList::clear(const QString& prompt)
{
    m_count = 0;
    m_answers->clear();
    if (prompt.trimmed().isEmpty())
        showEmpty(tr("With a sample prompt in the recipe the model answers it at each evaluation, and one sees here what it learns."), true);
    else
        showEmpty(tr("The first answer to “%1” comes with the first evaluation.").arg(prompt.trimmed()), false);
}

void SampleList::addSample(const SampleDone& sample, const std::optional<double>& validationLoss)
{
    QString head = sample.step == 0 ? tr("Before the first step") : tr("Step %1").arg(sample.step);
    if (validationLoss)
        head += tr(", validation loss %1").arg(QString::number(*validationLoss, 'f', 4));
    head += tr(" · %1 tokens in %2").arg(sample.tokens).arg(toQt(formatDuration(sample.seconds)));
    const QString answer = toQt(sample.text).trimmed();

    m_prompt->setText(tr("To “%1”, newest first:").arg(toQt(sample.prompt).trimmed()));
    m_givePrompt->hide();
    m_answers->show();
    QScrollBar* bar = m_answers->verticalScrollBar();
    const int fromEnd = bar->maximum() - bar->value();
    const bool reading = bar->value() > bar->minimum();
    QTextCharFormat strong;
    strong.setFontWeight(QFont::DemiBold);
    QTextBlockFormat above;
    QTextBlockFormat below;
    below.setBottomMargin(unit(3));
    QTextCursor cursor(m_answers->document());
    cursor.beginEditBlock();
    if (m_count > 0) {
        // A new first block; the old ones keep their formats.
        cursor.insertBlock();
        cursor.movePosition(QTextCursor::Start);
    }
    cursor.setBlockFormat(above);
    cursor.insertText(head, strong);
    cursor.insertBlock(below, QTextCharFormat());
    // Line breaks inside an answer do not end its block.
    QString lines = answer.isEmpty() ? tr("(no text: the model ended its answer at once)") : answer;
    cursor.insertText(lines.replace(QLatin1Char('\n'), QChar::LineSeparator), QTextCharFormat());
    cursor.endEditBlock();
    ++m_count;
    // Who reads an older answer goes on reading it.
    bar->setValue(reading ? bar->maximum() - fromEnd : bar->minimum());
}

void SampleList::showEnded()
{
    if (m_count == 0 && m_givePrompt->isHidden())
        showEmpty(tr("The run has ended before an evaluation: there is no answer."), false);
}

QString SampleList::text() const
{
    return m_count == 0 ? m_prompt->text() : m_answers->toPlainText();
}

}  // namespace lorikeet::ui
