// SPDX-License-Identifier: GPL-3.0-or-later
// Arithmetic of curves, without a widget: smoothing, and thinning that never loses a spike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lorikeet::ui {

/// Points of a curve, x ascending. A y that is not finite is a gap.
struct Series {
    std::vector<double> x;
    std::vector<double> y;

    void add(double atX, double value)
    {
        x.push_back(atX);
        y.push_back(value);
    }
    void clear()
    {
        x.clear();
        y.clear();
    }
    [[nodiscard]] std::size_t size() const noexcept { return x.size(); }
};

/// Exponential moving average without start-up bias (Kingma and Ba, "Adam", 2015, section 3): value n is the weighted mean of the first
/// n values, weight falling by `keep` per step back. Gaps are skipped and stay gaps. keep in [0, 1).
class Smoother {
public:
    explicit Smoother(double keep) : m_keep(keep) {}
    double next(double value);

private:
    double m_keep;
    double m_sum = 0;
    double m_weight = 0;
};

/// At most 4 points per column of the range [from, to]: first, smallest, largest and last of each column, in their order, so that a
/// spike one step wide is still drawn; one neighbour on each side of the range; a gap stays (one NaN point). `columns` >= 1.
[[nodiscard]] Series thinned(const Series& series, double from, double to, std::size_t columns);

/// Counts of values in `bins` equal bins over [0, upper]; larger values count in the last bin.
[[nodiscard]] std::vector<double> histogram(std::span<const std::int64_t> values, double upper, std::size_t bins);

/// Smallest of 1, 2, 5 x 10^n that is >= value (value > 0).
[[nodiscard]] double niceCeiling(double value);

}  // namespace lorikeet::ui
