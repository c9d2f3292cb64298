// SPDX-License-Identifier: GPL-3.0-or-later
// The always visible memory budget: device, bar, verdict, what the last change did, and the five categories.
#pragma once

#include "engine/spec/run_event.h"
#include "ui/budget.h"

#include <QWidget>

#include <array>

class QLabel;

namespace lorikeet::ui {

class Advisor;
class BudgetCategory;
class DeviceChooser;
class FitPanel;
class HostBar;
class MemoryBar;
class RunController;

class MemoryPanel : public QWidget {
    Q_OBJECT
public:
    MemoryPanel(const EngineVerbs& verbs, JobDocument& document, Budget& budget, RunController& run, Advisor& advisor, QWidget* parent = nullptr);

    [[nodiscard]] DeviceChooser* devices() const noexcept { return m_devices; }
    [[nodiscard]] MemoryBar* bar() const noexcept { return m_bar; }
    [[nodiscard]] FitPanel* fit() const noexcept { return m_fit; }
    [[nodiscard]] HostBar* hostBar() const noexcept { return m_host; }
    [[nodiscard]] QString speedText() const;
    [[nodiscard]] BudgetCategory* category(std::size_t index) const { return m_categories[index]; }
    [[nodiscard]] QString verdictText() const;
    [[nodiscard]] QString deltaText() const;

protected:
    void paintEvent(QPaintEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    void buildTop();
    void buildCategories();
    void fillDevices();
    void refresh();
    void showVerdict(const plan::MemoryPlan& plan);
    void showMeasured();
    void showSpeed();
    /// Host RAM of this machine, or 0 while it is not known.
    [[nodiscard]] std::uint64_t hostBytes() const;

    const EngineVerbs& m_verbs;
    JobDocument& m_document;
    Budget& m_budget;
    RunController& m_run;
    Advisor& m_advisor;
    DeviceChooser* m_devices = nullptr;
    QLabel* m_figure = nullptr;
    QLabel* m_of = nullptr;
    QLabel* m_verdict = nullptr;
    QLabel* m_delta = nullptr;
    QLabel* m_speed = nullptr;
    FitPanel* m_fit = nullptr;
    HostBar* m_host = nullptr;
    QLabel* m_problem = nullptr;
    QLabel* m_legend = nullptr;
    QWidget* m_numbers = nullptr;
    MemoryBar* m_bar = nullptr;
    std::array<BudgetCategory*, 5> m_categories{};
};

}  // namespace lorikeet::ui
