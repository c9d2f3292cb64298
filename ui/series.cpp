// SPDX-License-Identifier: GPL-3.0-or-later
// Smoothing, thinning, counting.
#include "ui/series.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace lorikeet::ui {

double Smoother::next(double value)
{
    if (!std::isfinite(value))
        return std::numeric_limits<double>::quiet_NaN();
    m_sum = m_keep * m_sum + (1.0 - m_keep) * value;
    m_weight = m_keep * m_weight + (1.0 - m_keep);
    return m_sum / m_weight;
}

namespace {

/// Adds what must be drawn of the points first..last (inclusive) that share a pixel column.
void addColumn(const Series& series, std::size_t first, std::size_t last, Series& out)
{
    std::array<std::size_t, 4> keep{first, first, first, last};
    bool gap = false;
    bool any = false;
    for (std::size_t i = first; i <= last; ++i) {
        if (!std::isfinite(series.y[i])) {
            gap = true;
            continue;
        }
        if (!any || series.y[i] < series.y[keep[1]])
            keep[1] = i;
        if (!any || series.y[i] > series.y[keep[2]])
            keep[2] = i;
        any = true;
    }
    if (gap) {
        // A gap anywhere in the column is drawn as one; what is finite around it stays visible.
        const auto isGap = [&](std::size_t i) { return !std::isfinite(series.y[i]); };
        std::size_t at = first;
        while (at < last && !isGap(at))
            ++at;
        keep[0] = at;
    }
    std::ranges::sort(keep);
    for (std::size_t i = 0; i < keep.size(); ++i)
        if (i == 0 || keep[i] != keep[i - 1])
            out.add(series.x[keep[i]], std::isfinite(series.y[keep[i]]) ? series.y[keep[i]] : std::numeric_limits<double>::quiet_NaN());
}

}  // namespace

Series thinned(const Series& series, double from, double to, std::size_t columns)
{
    Series out;
    if (series.size() == 0 || !(to > from) || columns == 0)
        return series;
    const auto begin = series.x.begin();
    auto low = static_cast<std::size_t>(std::lower_bound(begin, series.x.end(), from) - begin);
    auto high = static_cast<std::size_t>(std::upper_bound(begin, series.x.end(), to) - begin);  // one past
    low = low > 0 ? low - 1 : low;
    high = std::min(high + 1, series.size());
    const double width = (to - from) / static_cast<double>(columns);
    const auto columnOf = [&](std::size_t i) { return std::floor((series.x[i] - from) / width); };
    for (std::size_t i = low; i < high;) {
        std::size_t last = i;
        while (last + 1 < high && columnOf(last + 1) == columnOf(i))
            ++last;
        addColumn(series, i, last, out);
        i = last + 1;
    }
    return out;
}

std::vector<double> histogram(std::span<const std::int64_t> values, double upper, std::size_t bins)
{
    std::vector<double> counts(bins, 0.0);
    for (const std::int64_t value : values) {
        const double place = static_cast<double>(value) / upper * static_cast<double>(bins);
        counts[std::min(bins - 1, static_cast<std::size_t>(std::max(place, 0.0)))] += 1.0;
    }
    return counts;
}

double niceCeiling(double value)
{
    const double power = std::pow(10.0, std::floor(std::log10(value)));
    for (const double factor : {1.0, 2.0, 5.0})
        if (factor * power >= value * (1.0 - 1e-12))
            return factor * power;
    return 10.0 * power;
}

}  // namespace lorikeet::ui
