// SPDX-License-Identifier: GPL-3.0-or-later
// Curves of the memory plot: each category lies on the ones below it.
#include "ui/memory_plot.h"

#include "engine/base/units.h"
#include "ui/memory_bar.h"
#include "ui/text.h"
#include "ui/theme.h"

#include <QStringList>

#include <algorithm>
#include <limits>

namespace lorikeet::ui {

namespace {
constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
}

MemoryPlot::MemoryPlot(QWidget* parent) : PlotView(parent)
{
    for (std::size_t i = 0; i < m_curves.size(); ++i) {
        CurveStyle style{categoryTitle(i), [this, i] { return coloursOf(this).memory[i]; }};
        style.filled = true;
        style.stackedOn = i == 0 ? -1 : m_curves[i - 1];
        m_curves[i] = addCurve(style);
    }
    setAxisLabels(tr("step"), tr("GiB"));
    setLegendBelow();
    setFromZero(true);
    setEmptyText(tr("What each part of the budget really takes\nwill be drawn here, step by step, under the plan as a dashed line."));
    setAccessibleName(tr("Memory over time"));
    setReadOut([this](double x) { return readOut(x); });
    clear();
}

void MemoryPlot::clear()
{
    for (std::size_t i = 0; i < m_stacks.size(); ++i) {
        m_stacks[i].clear();
        setCurve(m_curves[i], {});
    }
    m_totalSteps = 0;
    setPlanned(0);
    resetZoom();
    showRange();
}

void MemoryPlot::setPlanned(std::uint64_t bytes)
{
    m_planned = bytes;
    const double level = bytes > 0 ? static_cast<double>(bytes) / kGiB : std::numeric_limits<double>::quiet_NaN();
    setLevel(level, tr("planned %1").arg(toQt(formatBytes(bytes))));
}

void MemoryPlot::setTotalSteps(std::int64_t total)
{
    m_totalSteps = total;
    showRange();
}

void MemoryPlot::addMeasured(const MemoryMeasured& memory)
{
    const auto step = static_cast<double>(memory.step);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < m_stacks.size(); ++i) {
        sum += memory.liveBytes[i];
        Series& stack = m_stacks[i];
        const double value = static_cast<double>(sum) / kGiB;
        // Two measurements within one step are one point: the larger of them.
        if (stack.size() > 0 && stack.x.back() == step)
            stack.y.back() = std::max(stack.y.back(), value);
        else
            stack.add(step, value);
        setCurve(m_curves[i], stack);
    }
    showRange();
    setAccessibleDescription(tr("at step %1 measured %2 of %3 planned").arg(memory.step).arg(toQt(formatBytes(sum)), toQt(formatBytes(m_planned))));
}

void MemoryPlot::showRange()
{
    const double last = m_stacks[0].size() > 0 ? m_stacks[0].x.back() : 1.0;
    double to = m_totalSteps > 0 ? static_cast<double>(m_totalSteps) : std::max(10.0, last);
    while (to > 200 && last < to / 4)
        to /= 2;
    setRange(0, to * 1.01);
}

QString MemoryPlot::readOut(double x) const
{
    const Series& top = m_stacks.back();
    if (top.size() == 0)
        return {};
    auto at = static_cast<std::size_t>(std::lower_bound(top.x.begin(), top.x.end(), x) - top.x.begin());
    if (at == top.size() || (at > 0 && x - top.x[at - 1] < top.x[at] - x))
        --at;
    QStringList lines{tr("step %1").arg(static_cast<qint64>(top.x[at]))};
    const auto text = [](double gib) { return toQt(formatBytes(static_cast<std::uint64_t>(gib * kGiB))); };
    double below = 0;
    for (std::size_t i = 0; i < m_stacks.size(); ++i) {
        lines << QStringLiteral("%1 %2").arg(categoryTitle(i).toLower(), text(m_stacks[i].y[at] - below));
        below = m_stacks[i].y[at];
    }
    lines << tr("together %1").arg(text(below));
    return lines.join(QLatin1Char('\n'));
}

}  // namespace lorikeet::ui
