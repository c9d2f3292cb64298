// SPDX-License-Identifier: GPL-3.0-or-later
// The row around an editor and the issue under it.
#include "ui/field_control.h"

#include "ui/card.h"
#include "ui/number_edit.h"
#include "ui/text.h"
#include "ui/theme.h"

#include <nlohmann/json.hpp>

#include <QHBoxLayout>
#include <QVBoxLayout>

#include <algorithm>

namespace lorikeet::ui {

FieldControl::FieldControl(const JobField& field, JobDocument& document, QWidget* parent) : QWidget(parent), m_field(field), m_document(document)
{
    m_editor = makeFieldEditor(
        field, [this](const nlohmann::ordered_json& value) { take(m_document.setField(m_field.key, value)); },
        [this](const QString& text) { take(m_document.setFieldText(m_field.key, toStd(text))); });
    buildRow();
    connect(&document, &JobDocument::jobChanged, this, [this](const QString& key) {
        if (key.isEmpty() || key == toQt(m_field.key))
            m_refused.reset();
        refresh();
    });
    refresh();
}

void FieldControl::buildRow()
{
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(unit(0.5));
    auto* row = new QHBoxLayout;
    row->setSpacing(unit(2));
    auto* words = new QVBoxLayout;
    words->setSpacing(0);
    QLabel* label = makeLabel(toQt(m_field.label), TextRank::Strong, true);
    label->setBuddy(m_editor.focus);
    label->setFixedWidth(unit(20));
    label->setMinimumHeight(m_editor.widget->sizeHint().height());
    words->addWidget(label);
    if (!m_field.unit.empty())
        words->addWidget(makeLabel(toQt(m_field.unit), TextRank::Small));
    words->addStretch();
    row->addLayout(words);
    auto* right = new QVBoxLayout;
    right->setSpacing(unit(0.5));
    right->addWidget(m_editor.widget);
    right->addWidget(makeLabel(toQt(m_field.help), TextRank::Small, true));
    m_issue = makeLabel(QString(), TextRank::Body, true);
    m_issue->setForegroundRole(QPalette::BrightText);
    right->addWidget(m_issue);
    row->addLayout(right, 1);
    column->addLayout(row);
    const QString name = m_field.unit.empty() ? toQt(m_field.label) : QStringLiteral("%1, %2").arg(toQt(m_field.label), toQt(m_field.unit));
    m_editor.focus->setAccessibleName(name);
    m_editor.focus->setAccessibleDescription(toQt(m_field.help));
    m_editor.focus->setObjectName(toQt(m_field.key));
    QString tip = toQt(m_field.help);
    if (m_field.maximum > m_field.minimum)
        tip += QStringLiteral("\n") + tr("%1 to %2 accepted").arg(numberToText(m_field.minimum), numberToText(m_field.maximum));
    setToolTip(tip);
}

QString FieldControl::issueText() const
{
    return m_issue->text();
}

void FieldControl::take(const std::optional<Issue>& refused)
{
    m_refused = refused;
    if (refused)
        refresh();
}

void FieldControl::refresh()
{
    const std::vector<Issue>& issues = m_document.issues();
    const auto found = std::ranges::find(issues, m_field.key, &Issue::field);
    const Issue* issue = m_refused ? &*m_refused : found != issues.end() ? &*found : nullptr;
    if (!m_refused)
        m_editor.show(m_document.job());
    m_issue->setVisible(issue != nullptr);
    if (issue != nullptr) {
        const QString fix = toQt(issue->fix);
        m_issue->setText(sentenceCase(toQt(issue->message)) + (fix.isEmpty() ? QString() : QStringLiteral(". ") + sentenceCase(fix)));
    } else {
        m_issue->clear();
    }
}

}  // namespace lorikeet::ui
