// SPDX-License-Identifier: GPL-3.0-or-later
// How long a step will take: a roofline over the counted work. Every kind of work takes the longer of its arithmetic and its memory
// traffic at the rates this device is known to reach; the rates' uncertainty is carried through to the answer.
#pragma once

#include "engine/plan/step_cost.h"

#include <string>
#include <string_view>

namespace lorikeet::plan {

/// What holds a kind of work up.
enum class Bound : std::uint8_t { Compute, Bandwidth, Link, Launch };
[[nodiscard]] std::string_view nameOf(Bound bound) noexcept;

struct ForecastPart {
    Work work = Work::Matrices;
    double seconds = 0;
    Bound bound = Bound::Compute;
};

/// Seconds and rates of one optimizer step. `low` and `high` are the slow and the fast end of the spread.
struct StepForecast {
    bool known = false;  ///< false: nothing is known about this device's speed, all figures are 0
    double secondsPerStep = 0;
    double secondsPerStepLow = 0;   ///< fast end
    double secondsPerStepHigh = 0;  ///< slow end
    double tokensPerSecond = 0;
    double tokensPerSecondLow = 0;   ///< slow end
    double tokensPerSecondHigh = 0;  ///< fast end
    double tokensPerStep = 0;
    double modelTflop = 0;     ///< of one step, without recompute, 10^12 FLOP
    double executedTflop = 0;  ///< with recompute
    double mfu = 0;            ///< model FLOP/s over the device's peak in the job's precision
    double computeShare = 0;   ///< shares of the step's time; add up to 1
    double bandwidthShare = 0;
    double linkShare = 0;
    double launchShare = 0;
    std::array<ForecastPart, kWorks.size()> parts{};  ///< by Work
    std::string basis;  ///< "measured rates of this machine", "datasheet rates x 0.55 (0.40 to 0.70)", "no rates known"

    /// Seconds of a run over `tokens` tokens (training steps only: loading, evaluation and saving come besides).
    [[nodiscard]] double secondsFor(double tokens) const noexcept { return tokensPerSecond > 0 ? tokens / tokensPerSecond : 0; }
};

/// A device of the catalogue that Lorikeet can plan for and not train on: before compute capability 8.0, or of another make.
[[nodiscard]] bool isPlanOnly(const DeviceSpec& device) noexcept;

/// @throws Error{Usage} as stepCost()
[[nodiscard]] StepForecast forecastStep(const ModelShape& shape, const Job& job, const DeviceSpec& device, const Workload& workload = {});

/// Predicted seconds per token, for ratios. Where the device's rates are not known, those of a typical device of its kind stand in: a ratio
/// needs only their proportion.
[[nodiscard]] double secondsPerToken(const ModelShape& shape, const Job& job, const DeviceSpec& device, const Workload& workload = {});

}  // namespace lorikeet::plan
