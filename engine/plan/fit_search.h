// SPDX-License-Identifier: GPL-3.0-or-later
// The inner search of the solver: the fastest combination of micro-batch, loss chunk and recompute that fits, all else given. Time is cheap
// to compute and bytes (plan()) are not, so it orders by time and asks for bytes only where the answer can still be better. These levers
// are monotone: turned further, a job never needs more. Internal to the room.
#pragma once

#include "engine/plan/levers.h"
#include "engine/plan/trials.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace lorikeet::plan {

inline constexpr double kNever = std::numeric_limits<double>::infinity();

struct Found {
    Job job;
    double seconds = kNever;  ///< per token
};

class FitSearch {
public:
    FitSearch(const ModelShape& shape, const DeviceSpec& device, const CostsOf& costs, const FitOptions& options)
        : m_shape(shape), m_device(device), m_options(options), m_trials(shape, device, costs)
    {
    }

    [[nodiscard]] Trials& trials() noexcept { return m_trials; }
    [[nodiscard]] bool may(Lever lever) const;
    /// settingsOf() where the lever may be turned and is of use on this device, else the job alone.
    [[nodiscard]] std::vector<Job> settings(Lever lever, const Job& job) const;
    [[nodiscard]] double seconds(const Job& job) const;
    /// No combination with this mode takes less. Recompute makes a job slower, unless it waits for copies of activations: it has fewer then.
    [[nodiscard]] double floorOf(const Job& job) const;
    /// Whole blocks recomputed everywhere, smallest micro-batch and loss chunk.
    [[nodiscard]] Job mostNeutral(const Job& job) const;
    /// The job with each count of layers in host memory, up to the most that it has room for.
    [[nodiscard]] std::vector<Job> countsOnHost(const Job& job);
    [[nodiscard]] Job mostOnHost(const Job& job) { return countsOnHost(job).back(); }
    /// With the neutral levers fully turned.
    [[nodiscard]] bool canFit(const Job& job) { return m_trials.fits(mostNeutral(mostOnHost(job))); }
    /// The fastest combination that fits and beats `limit` seconds per token.
    [[nodiscard]] std::optional<Found> fastest(const Job& mode, double limit);
    /// The same for a span of counts of layers in host memory, taken as gently as any of them: what `most` leaves of the device, but the time and
    /// the host memory of `fewest` layers. No job of the span is faster than what is found.
    [[nodiscard]] std::optional<Found> fastestOfSpan(const Job& most, std::int64_t fewest, double limit);
    /// By recompute alone.
    [[nodiscard]] std::optional<Found> fastestByRecompute(const Job& job);

private:
    /// One micro-batch and loss chunk.
    struct Cell {
        Job job;
        double floor = 0;       ///< no recompute setting takes less
        std::size_t micro = 0;  ///< how far each lever is turned
        std::size_t chunk = 0;
    };
    /// Cells up to these turns do not fit with so many layers of a family.
    struct TooLittle {
        std::size_t micro = 0;
        std::size_t chunk = 0;
        std::size_t family = 0;
        std::int64_t layers = 0;
    };
    [[nodiscard]] Job deepest(const Job& job) const;
    [[nodiscard]] bool isRoomOnHost(const Trial& trial) const;
    [[nodiscard]] bool fits(const Job& job);
    [[nodiscard]] bool isTooLittle(const Cell& cell, std::size_t family, std::int64_t layers) const;
    [[nodiscard]] bool fits(const Cell& cell, std::size_t index, const RecomputeFamily& family, std::int64_t layers);
    void tryFamily(const Cell& cell, std::size_t index, const RecomputeFamily& family, std::optional<Found>& best, double limit);
    void tryFamilyOnHost(const Cell& cell, std::size_t index, const RecomputeFamily& family, std::optional<Found>& best, double limit);
    [[nodiscard]] std::int64_t fewestLayers(const Cell& cell, std::size_t index, const RecomputeFamily& family, std::int64_t most);
    void tryCell(const Cell& cell, std::optional<Found>& best, double limit);
    [[nodiscard]] std::vector<Cell> cellsOf(const Job& mode) const;

    const ModelShape& m_shape;
    const DeviceSpec& m_device;
    const FitOptions& m_options;
    Trials m_trials;
    std::vector<TooLittle> m_tooLittle;    ///< of the mode at hand
    std::optional<std::int64_t> m_fewest;  ///< of the span at hand
};

}  // namespace lorikeet::plan
