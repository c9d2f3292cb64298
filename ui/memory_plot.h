// SPDX-License-Identifier: GPL-3.0-or-later
// Memory over the steps of a run: what was measured, stacked in the five colours of the budget, under the plan as a dashed line.
#pragma once

#include "engine/spec/run_event.h"
#include "ui/plot_view.h"

#include <array>

namespace lorikeet::ui {

class MemoryPlot : public PlotView {
    Q_OBJECT
public:
    explicit MemoryPlot(QWidget* parent = nullptr);

    void clear();
    /// What the run planned, all categories together; 0: no line.
    void setPlanned(std::uint64_t bytes);
    void setTotalSteps(std::int64_t total);
    void addMeasured(const MemoryMeasured& memory);
    /// Sums up to and with each category, in GiB: the topmost is the whole.
    [[nodiscard]] const std::array<Series, 5>& stacks() const noexcept { return m_stacks; }

private:
    [[nodiscard]] QString readOut(double x) const;
    void showRange();

    std::array<int, 5> m_curves{};
    std::array<Series, 5> m_stacks;
    std::uint64_t m_planned = 0;
    std::int64_t m_totalSteps = 0;
};

}  // namespace lorikeet::ui
