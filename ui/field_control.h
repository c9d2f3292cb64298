// SPDX-License-Identifier: GPL-3.0-or-later
// One row of a form, made from one row of the field table: label, editor by type, unit, help, and the issue beside it.
#pragma once

#include "engine/spec/job_fields.h"
#include "ui/job_document.h"

#include <QWidget>

#include <functional>
#include <memory>

class QLabel;
class QVBoxLayout;

namespace lorikeet::ui {

/// The part of a control that differs by type. The control owns the widget.
struct FieldEditor {
    QWidget* widget = nullptr;                       ///< goes into the row
    QWidget* focus = nullptr;                        ///< gets the accessible name and the label's shortcut
    std::function<void(const Job&)> show;            ///< shows the job's value without reporting a change
};

/// Reports a new value: JSON text for everything, so that one function checks all types.
using FieldReport = std::function<void(const nlohmann::ordered_json&)>;
using FieldTextReport = std::function<void(const QString&)>;

/// The editor for a field's type.
[[nodiscard]] FieldEditor makeFieldEditor(const JobField& field, FieldReport report, FieldTextReport reportText);

class FieldControl : public QWidget {
    Q_OBJECT
public:
    FieldControl(const JobField& field, JobDocument& document, QWidget* parent = nullptr);

    [[nodiscard]] const std::string& key() const noexcept { return m_field.key; }
    [[nodiscard]] const JobField& field() const noexcept { return m_field; }
    [[nodiscard]] QString issueText() const;
    [[nodiscard]] QWidget* focusWidgetOfField() const noexcept { return m_editor.focus; }

private:
    void buildRow();
    void take(const std::optional<Issue>& refused);
    void refresh();

    const JobField& m_field;
    JobDocument& m_document;
    FieldEditor m_editor;
    QLabel* m_issue = nullptr;
    std::optional<Issue> m_refused;  ///< the last value typed was not accepted
};

}  // namespace lorikeet::ui
