// SPDX-License-Identifier: GPL-3.0-or-later
// "Make it fit": the ranked ways to bring a job under the device's memory, or what spare memory could buy; one click applies a way, and
// one more undoes it.
#pragma once

#include "ui/advisor.h"

#include <QWidget>

class QLabel;
class QPushButton;
class QVBoxLayout;

namespace lorikeet::ui {

/// "+18 % time per token", "no slower", "12 % less time per token".
[[nodiscard]] QString slowdownText(double slowdown);

class FitPanel : public QWidget {
    Q_OBJECT
public:
    FitPanel(Advisor& advisor, const Budget& budget, JobDocument& document, QWidget* parent = nullptr);

    void setOpen(bool open);
    [[nodiscard]] bool isOpen() const;
    /// Applies way `index` as one step of the history.
    void apply(std::size_t index);
    [[nodiscard]] QString heading() const;
    [[nodiscard]] QString stateText() const;
    /// What row `index` says, or empty.
    [[nodiscard]] QString rowText(std::size_t index) const;

private:
    struct Row {
        QWidget* box = nullptr;
        QLabel* summary = nullptr;
        QLabel* figures = nullptr;
        QLabel* note = nullptr;
        QPushButton* apply = nullptr;
    };
    Row makeRow(std::size_t index);
    void buildDone();
    void refresh();
    void showWays(const plan::FitAnswer& answer);
    void showWay(Row& row, const plan::FitWay& way);
    void undo();

    Advisor& m_advisor;
    const Budget& m_budget;
    JobDocument& m_document;
    QPushButton* m_button;
    QWidget* m_body;
    QLabel* m_state;
    QVBoxLayout* m_rowsLayout;
    std::vector<Row> m_rows;
    QWidget* m_done = nullptr;  ///< what was applied last, with its undo
    QLabel* m_doneText = nullptr;
    int m_doneIndex = -1;       ///< of the history after it was applied
};

}  // namespace lorikeet::ui
