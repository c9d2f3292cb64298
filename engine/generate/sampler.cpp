// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/generate/sampler.h"

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/philox.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace lorikeet::generate {

std::int32_t chooseToken(std::span<const float> logits, const SamplingOptions& options, std::uint32_t step)
{
    LORIKEET_CHECK(!logits.empty(), "no logits to choose from");
    // A NaN has no place in an order: sorting by it would be undefined.
    if (std::any_of(logits.begin(), logits.end(), [](float x) { return std::isnan(x); }))
        throw Error(ErrorCode::RunFailed, "the model's answer holds values that are not numbers", "its weights or the adapter's may be damaged: fetch the model again, or use another adapter");
    const auto best = std::max_element(logits.begin(), logits.end());
    if (options.temperature <= 0.0)
        return static_cast<std::int32_t>(best - logits.begin());

    std::vector<double> weights(logits.size());
    double total = 0;
    for (std::size_t i = 0; i < logits.size(); ++i)
        total += weights[i] = std::exp((static_cast<double>(logits[i]) - *best) / options.temperature);
    std::vector<std::int32_t> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
        return weights[static_cast<std::size_t>(a)] > weights[static_cast<std::size_t>(b)];
    });
    double kept = 0;
    std::size_t count = 0;
    while (count < order.size() && (count == 0 || kept < options.topP * total))
        kept += weights[static_cast<std::size_t>(order[count++])];

    const auto words = philox4x32({step, 0, 0, 0}, philoxKey(static_cast<std::int64_t>(options.seed), RandomStream::Generation));
    double left = (static_cast<double>(words[0]) + static_cast<double>(words[1]) * 0x1p-32) * 0x1p-32 * kept;
    for (std::size_t i = 0; i < count; ++i) {
        left -= weights[static_cast<std::size_t>(order[i])];
        if (left < 0)
            return order[i];
    }
    return order[count - 1];
}

}  // namespace lorikeet::generate
