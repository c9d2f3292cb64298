// SPDX-License-Identifier: GPL-3.0-or-later
// The rail at the left: the steps of a job, each with a state dot and a line of summary.
#pragma once

#include <QAbstractButton>
#include <QWidget>

#include <vector>

class QVBoxLayout;

namespace lorikeet::ui {

enum class StepState { Empty, Ready, Busy, Problem };

class StepButton : public QAbstractButton {
    Q_OBJECT
public:
    StepButton(const QString& title, int number, QWidget* parent = nullptr);
    void setStep(StepState state, const QString& summary);
    [[nodiscard]] StepState stepState() const noexcept { return m_state; }
    [[nodiscard]] QString summary() const noexcept { return m_summary; }
    [[nodiscard]] QSize sizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    void paintDot(QPainter& painter, const QPointF& centre) const;

    StepState m_state = StepState::Empty;
    QString m_summary;
};

class StepRail : public QWidget {
    Q_OBJECT
public:
    explicit StepRail(QWidget* parent = nullptr);
    /// Returns the step's index; Ctrl+1 is the first.
    int addStep(const QString& title);
    /// Room before the next step: what follows is beside the way of a job.
    void addGap();
    [[nodiscard]] StepButton* step(int index) const { return m_steps[static_cast<std::size_t>(index)]; }
    void setCurrent(int index);
    /// A widget below the steps.
    void addAtBottom(QWidget* widget);

Q_SIGNALS:
    void stepChosen(int index);

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    QVBoxLayout* m_layout;
    QVBoxLayout* m_stepsLayout;
    std::vector<StepButton*> m_steps;
};

}  // namespace lorikeet::ui
