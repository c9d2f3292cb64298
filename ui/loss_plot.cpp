// SPDX-License-Identifier: GPL-3.0-or-later
// Curves of the loss plot and its cursor.
#include "ui/loss_plot.h"

#include "engine/base/units.h"
#include "ui/text.h"
#include "ui/theme.h"

#include <QStringList>

#include <algorithm>
#include <cmath>
#include <limits>

namespace lorikeet::ui {

namespace {

constexpr double kKeep = 0.9;

/// A loss that is not finite is a gap: drawing paths must never see it.
double drawable(double loss)
{
    return std::isfinite(loss) ? loss : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

LossPlot::LossPlot(QWidget* parent) : PlotView(parent), m_smoother(kKeep)
{
    m_rawCurve = addCurve({tr("train, each step"), [this] {
                               QColor colour = palette().color(QPalette::Highlight);
                               colour.setAlpha(110);
                               return colour;
                           }});
    m_smoothCurve = addCurve({tr("train, smoothed"), [this] { return palette().color(QPalette::Highlight); }, 2.0});
    m_validationCurve = addCurve({tr("validation"), [this] { return coloursOf(this).memory[1]; }, 1.0, true});
    setAxisLabels(tr("step"), tr("loss"));
    setLegendShown(true);
    setEmptyText(tr("The loss of every step will be drawn here, smoothed and raw, with validation points."));
    setAccessibleName(tr("Loss curve"));
    setReadOut([this](double x) { return readOut(x); });
    clear();
}

void LossPlot::clear()
{
    m_raw.clear();
    m_smooth.clear();
    m_validation.clear();
    m_smoother = Smoother(kKeep);
    m_totalSteps = 0;
    for (const int curve : {m_rawCurve, m_smoothCurve, m_validationCurve})
        setCurve(curve, {});
    resetZoom();
    showRange();
}

void LossPlot::setTotalSteps(std::int64_t total)
{
    m_totalSteps = total;
    showRange();
}

void LossPlot::addSteps(const std::vector<StepDone>& steps)
{
    for (const StepDone& step : steps) {
        m_raw.add(static_cast<double>(step.step), drawable(step.loss));
        m_smooth.add(static_cast<double>(step.step), m_smoother.next(step.loss));
    }
    setCurve(m_rawCurve, m_raw);
    setCurve(m_smoothCurve, m_smooth);
    showRange();
    describe();
}

void LossPlot::addEvaluations(const std::vector<EvalDone>& evaluations)
{
    for (const EvalDone& evaluation : evaluations)
        m_validation.add(static_cast<double>(evaluation.step), drawable(evaluation.loss));
    setCurve(m_validationCurve, m_validation);
}

void LossPlot::showRange()
{
    // A short run shows its whole length from the start; a long one grows by doubling, so that the curve is never a stub.
    const double last = m_raw.size() > 0 ? m_raw.x.back() : 1.0;
    double to = m_totalSteps > 0 ? static_cast<double>(m_totalSteps) : std::max(10.0, last);
    while (to > 200 && last < to / 4)
        to /= 2;
    setRange(0, to * 1.01);
}

QString LossPlot::readOut(double x) const
{
    if (m_raw.size() == 0)
        return {};
    auto at = static_cast<std::size_t>(std::lower_bound(m_raw.x.begin(), m_raw.x.end(), x) - m_raw.x.begin());
    if (at == m_raw.size() || (at > 0 && x - m_raw.x[at - 1] < m_raw.x[at] - x))
        --at;
    QStringList lines{tr("step %1").arg(static_cast<qint64>(m_raw.x[at])), tr("loss %1").arg(toQt(formatNumber(m_raw.y[at])))};
    lines << tr("smoothed %1").arg(toQt(formatNumber(m_smooth.y[at])));
    return lines.join(QLatin1Char('\n'));
}

void LossPlot::describe()
{
    if (m_raw.size() > 0)
        setAccessibleDescription(tr("%1 steps, smoothed loss now %2").arg(m_raw.size()).arg(toQt(formatNumber(m_smooth.y.back()))));
}

}  // namespace lorikeet::ui
