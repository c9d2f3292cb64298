// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/quant/cascade_sum.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace lorikeet::quant {

namespace {

constexpr std::int64_t kLanes = 8;
constexpr std::int64_t kStreams = 4;
constexpr int kLevels = 4;

/// kStreams vectors of `Lanes` side by side.
template <std::int64_t Lanes>
using Row = std::array<float, static_cast<std::size_t>(kStreams * Lanes)>;

template <std::int64_t Lanes>
void add(Row<Lanes>& to, const float* from)
{
    for (std::size_t i = 0; i < to.size(); ++i)
        to[i] += from[i];
}

/// ceil(log2(n)), and 0 for n <= 2: it only matters above 2^16.
int logarithm(std::int64_t n) { return n <= 2 ? 0 : std::bit_width(static_cast<std::uint64_t>(n - 1)); }

/// Sums `count` rows; every 2^power of them a level is added to the one above, so that terms of like size meet.
template <std::int64_t Lanes>
Row<Lanes> sumOfRows(const float* x, std::int64_t count)
{
    const int power = std::max(4, logarithm(count) / kLevels);
    const std::int64_t step = std::int64_t{1} << power;
    std::array<Row<Lanes>, kLevels> levels{};
    std::int64_t row = 0;
    const auto addRow = [&] { add<Lanes>(levels[0], x + row++ * kStreams * Lanes); };
    while (row + step <= count) {
        for (std::int64_t i = 0; i < step; ++i)
            addRow();
        for (std::size_t level = 1; level < kLevels; ++level) {
            add<Lanes>(levels[level], levels[level - 1].data());
            levels[level - 1] = {};
            if ((row & ((step - 1) << (static_cast<int>(level) * power))) != 0)
                break;
        }
    }
    while (row < count)
        addRow();
    for (std::size_t level = 1; level < kLevels; ++level)
        add<Lanes>(levels[0], levels[level].data());
    return levels[0];
}

/// Sums of the lanes over all whole vectors.
template <std::int64_t Lanes>
std::array<float, static_cast<std::size_t>(Lanes)> laneSums(const float* x, std::int64_t vectors)
{
    const std::int64_t rows = vectors / kStreams;
    const Row<Lanes> streams = sumOfRows<Lanes>(x, rows);
    std::array<float, static_cast<std::size_t>(Lanes)> sums{};
    for (std::size_t lane = 0; lane < sums.size(); ++lane) {
        sums[lane] = streams[lane];
        for (std::int64_t vector = rows * kStreams; vector < vectors; ++vector)
            sums[lane] += x[static_cast<std::size_t>(vector * Lanes) + lane];
        for (std::size_t stream = 1; stream < kStreams; ++stream)
            sums[lane] += streams[stream * sums.size() + lane];
    }
    return sums;
}

}  // namespace

float cascadeSum(std::span<const float> values)
{
    const auto count = static_cast<std::int64_t>(values.size());
    if (count < kLanes)
        return laneSums<1>(values.data(), count)[0];
    const std::int64_t vectors = count / kLanes;
    float sum = 0;
    for (std::int64_t i = vectors * kLanes; i < count; ++i)
        sum += values[static_cast<std::size_t>(i)];
    for (const float lane : laneSums<kLanes>(values.data(), vectors))
        sum += lane;
    return sum;
}

}  // namespace lorikeet::quant
