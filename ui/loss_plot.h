// SPDX-License-Identifier: GPL-3.0-or-later
// The loss of a run as it comes: raw, smoothed, and validation points.
#pragma once

#include "engine/spec/run_event.h"
#include "ui/plot_view.h"
#include "ui/series.h"

#include <vector>

namespace lorikeet::ui {

class LossPlot : public PlotView {
    Q_OBJECT
public:
    explicit LossPlot(QWidget* parent = nullptr);

    void clear();
    void setTotalSteps(std::int64_t total);
    void addSteps(const std::vector<StepDone>& steps);
    void addEvaluations(const std::vector<EvalDone>& evaluations);
    [[nodiscard]] const Series& raw() const noexcept { return m_raw; }
    [[nodiscard]] const Series& smooth() const noexcept { return m_smooth; }
    [[nodiscard]] const Series& validation() const noexcept { return m_validation; }

private:
    [[nodiscard]] QString readOut(double x) const;
    void showRange();
    void describe();

    int m_rawCurve;
    int m_smoothCurve;
    int m_validationCurve;
    Series m_raw;
    Series m_smooth;
    Series m_validation;
    Smoother m_smoother;
    std::int64_t m_totalSteps = 0;
};

}  // namespace lorikeet::ui
