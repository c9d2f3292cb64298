// SPDX-License-Identifier: GPL-3.0-or-later
// Page What if: memory and speed as one thing about the job changes, by the real planner; LoRA, QLoRA and full fine-tuning side by side;
// the smallest card for the job and the longest context on this device.
#pragma once

#include "ui/advisor.h"
#include "ui/card.h"

#include <array>
#include <vector>

class QButtonGroup;
class QTableWidget;

namespace lorikeet::ui {

class InlineMessage;
class PlotView;

/// What the page asks for and shows.
struct WhatIfAnswer {
    plan::WhatIfSeries parts;                  ///< of the job as it is
    std::vector<plan::WhatIfSeries> methods;   ///< LoRA, QLoRA, full; empty for the axis "method"
    std::vector<std::string> problems;         ///< why a method cannot be planned for this job; its series is empty
};

class WhatIfPage : public Page {
    Q_OBJECT
public:
    WhatIfPage(const EngineVerbs& verbs, JobDocument& document, const ModelProbe& model, const Budget& budget, const Advisor& advisor, QWidget* parent = nullptr);

    void setAxis(plan::Axis axis);
    void setMethodsCompared(bool compared);
    [[nodiscard]] const std::optional<WhatIfAnswer>& answer() const noexcept { return m_answer; }
    [[nodiscard]] PlotView* shownPlot() const;
    [[nodiscard]] QTableWidget* table() const noexcept { return m_table; }
    [[nodiscard]] QString inverseText() const;
    [[nodiscard]] bool isBusy() const noexcept { return m_delay.isActive() || m_runner.isBusy() || m_inverseRunner.isBusy(); }

protected:
    void showEvent(QShowEvent* event) override;

private:
    void buildChoices();
    void buildPlot();
    void buildTable();
    void buildInverse();
    void askLater();
    void ask();
    void askInverse();
    void show(const WhatIfAnswer& answer);
    void showParts(const plan::WhatIfSeries& series);
    void showMethods(const std::vector<plan::WhatIfSeries>& methods);
    void showTable(const plan::WhatIfSeries& series);
    void showNothing(const QString& why);

    const EngineVerbs& m_verbs;
    JobDocument& m_document;
    const ModelProbe& m_model;
    const Budget& m_budget;
    const Advisor& m_advisor;
    JobRunner m_runner;
    JobRunner m_inverseRunner;
    QTimer m_delay;
    plan::Axis m_axis = plan::Axis::Context;
    bool m_compared = false;
    std::optional<WhatIfAnswer> m_answer;
    QButtonGroup* m_axes = nullptr;
    std::array<QPushButton*, 2> m_shows{};
    QLabel* m_state = nullptr;
    InlineMessage* m_message = nullptr;
    PlotView* m_partsPlot = nullptr;
    PlotView* m_methodsPlot = nullptr;
    std::array<int, 3> m_methodCurves{};
    QTableWidget* m_table = nullptr;
    QLabel* m_smallest = nullptr;
    QLabel* m_longest = nullptr;
};

}  // namespace lorikeet::ui
