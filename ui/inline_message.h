// SPDX-License-Identifier: GPL-3.0-or-later
// A message in the page instead of a dialog: what happened, what to do, and buttons to act or to copy the details.
#pragma once

#include "engine/base/error.h"

#include <QFrame>

#include <functional>

class QHBoxLayout;
class QLabel;
class QPushButton;

namespace lorikeet::ui {

class InlineMessage : public QFrame {
    Q_OBJECT
public:
    enum class Kind { Note, Good, Warning, Problem };

    explicit InlineMessage(QWidget* parent = nullptr);

    /// Shows the message; `details` adds a button that copies them.
    void showMessage(Kind kind, const QString& message, const QString& hint = {}, const QString& details = {});
    void showError(const Error& error);
    /// Buttons stay until clearActions(); pressing one runs its order.
    QPushButton* addAction(const QString& text, std::function<void()> order);
    void clearActions();
    [[nodiscard]] QString message() const;
    [[nodiscard]] QString hint() const;

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    [[nodiscard]] QColor colour() const;

    Kind m_kind = Kind::Note;
    QLabel* m_message;
    QLabel* m_hint;
    QHBoxLayout* m_actions;
    QPushButton* m_copy;
    QString m_details;
};

}  // namespace lorikeet::ui
