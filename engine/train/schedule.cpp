// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lorikeet::train {

std::int64_t warmupSteps(const Job& job, std::int64_t totalSteps)
{
    return static_cast<std::int64_t>(std::ceil(job.recipe.warmupRatio * static_cast<double>(totalSteps)));
}

double learningRateAt(const Job& job, std::int64_t step, std::int64_t totalSteps)
{
    const std::int64_t done = step - 1;
    const std::int64_t warmup = warmupSteps(job, totalSteps);
    const double peak = job.recipe.learningRate;
    if (done < warmup)
        return peak * static_cast<double>(done) / static_cast<double>(std::max<std::int64_t>(1, warmup));
    if (job.recipe.schedule == "constant")
        return peak;
    const double span = static_cast<double>(std::max<std::int64_t>(1, totalSteps - warmup));
    const double progress = static_cast<double>(done - warmup) / span;
    if (job.recipe.schedule == "linear")
        return peak * std::max(0.0, 1.0 - progress);
    return peak * std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * progress)));
}

}  // namespace lorikeet::train
