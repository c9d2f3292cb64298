// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/plan/inverse.h"

#include "engine/plan/levers.h"
#include "engine/plan/trials.h"

#include <algorithm>
#include <utility>

namespace lorikeet::plan {

namespace {

constexpr std::int64_t kContextGrain = 64;

struct Longest {
    std::int64_t context = 0;
    std::uint64_t totalBytes = 0;
    std::uint64_t hostBytes = 0;
    bool limitedByModel = false;
};

Job withContext(const Job& job, std::int64_t context)
{
    Job other = job;
    other.recipe.context = context;
    return other;
}

Longest longestOf(Trials& trials, const ModelShape& shape, const Job& job)
{
    // Steps of 64 and at the end the model's limit, whatever it is.
    const std::int64_t last = (shape.maxContext + kContextGrain - 1) / kContextGrain;
    const auto contextAt = [&](std::int64_t step) { return std::min(step * kContextGrain, shape.maxContext); };
    const auto fitsAt = [&](std::int64_t step) { return trials.fits(withContext(job, contextAt(step))); };
    std::int64_t low = 0;
    std::int64_t high = last;
    while (low < high) {
        const std::int64_t middle = (low + high + 1) / 2;
        if (fitsAt(middle))
            low = middle;
        else
            high = middle - 1;
    }
    if (low == 0)
        return {};
    const Trial longest = trials.of(withContext(job, contextAt(low)));
    return {contextAt(low), longest.totalBytes, longest.hostBytes, low == last};
}

/// The Neutral levers of `options` that need no host memory, fully turned.
Job turnedOnDevice(const ModelShape& shape, const Job& job, const FitOptions& options)
{
    Job turned = job;
    const auto may = [&](Lever lever) { return std::ranges::find(options.levers, lever) != options.levers.end(); };
    if (may(Lever::MicroBatch))
        turned = settingsOf(Lever::MicroBatch, shape, turned, options).back();
    if (may(Lever::LossChunk))
        turned.recipe.lossChunk = std::min(turned.recipe.lossChunk, options.leastLossChunk);
    if (may(Lever::Recompute))
        turned.recipe.recompute = recomputeText(std::vector<Recompute>(static_cast<std::size_t>(shape.layers), Recompute::WholeBlock));
    return turned;
}

struct Turned {
    Job job;
    Longest longest;
};

/// The longest context over the counts of layers in host memory. More of them free the device and fill the host, so the longest lies
/// where the one limit takes over from the other.
Turned longestOverLayers(Trials& trials, const ModelShape& shape, const DeviceSpec& device, const std::vector<Job>& counts)
{
    Turned best{counts.front(), {}};
    std::size_t low = 0;
    std::size_t end = counts.size();
    for (std::size_t at = counts.size() - 1; low < end; at = (low + end) / 2) {
        const Longest longest = longestOf(trials, shape, counts[at]);
        if (longest.context > best.longest.context)
            best = {counts[at], longest};
        if (longest.limitedByModel)
            break;
        const Trial& next = trials.of(withContext(counts[at], longest.context + kContextGrain));
        if (device.hostAvailableBytes != 0 && next.hostBytes > device.hostAvailableBytes)
            end = at;
        else
            low = at + 1;
    }
    return best;
}

/// With the Neutral levers of `options` turned as far as device and host allow.
Turned longestWithLevers(Trials& trials, const ModelShape& shape, const Job& job, const DeviceSpec& device, const FitOptions& options)
{
    const auto settings = [&](Lever lever, const Job& from) {
        const bool may = std::ranges::find(options.levers, lever) != options.levers.end() && !device.sharesHostMemory();
        return may ? settingsOf(lever, shape, from, options) : std::vector<Job>{from};
    };
    Turned best{turnedOnDevice(shape, job, options), {}};
    for (const Job& embedded : settings(Lever::HostEmbedding, best.job)) {
        for (const Job& kept : settings(Lever::HostActivations, embedded)) {
            Turned found = longestOverLayers(trials, shape, device, settings(Lever::HostLayers, kept));
            if (found.longest.context > best.longest.context)
                best = std::move(found);
        }
    }
    return best;
}

}  // namespace

LongestContext longestContext(const ModelShape& shape, const Job& job, const DeviceSpec& device, const CostsOf& costs, const FitOptions& options)
{
    static_cast<void>(trialOf(shape, job, device, costs));  // what cannot be planned is said
    Trials trials(shape, device, costs);
    const Longest asItIs = longestOf(trials, shape, job);
    const auto [turned, withLevers] = longestWithLevers(trials, shape, job, device, options);
    LongestContext answer;
    answer.context = asItIs.context;
    answer.totalBytes = asItIs.totalBytes;
    answer.limitedByModel = asItIs.limitedByModel;
    answer.contextWithLevers = withLevers.context;
    answer.totalBytesWithLevers = withLevers.totalBytes;
    answer.hostBytesWithLevers = withLevers.hostBytes;
    answer.withLeversLimitedByModel = withLevers.limitedByModel;
    answer.job = asItIs.context > 0 ? withContext(job, asItIs.context) : job;
    answer.jobWithLevers = withLevers.context > 0 ? withContext(turned, withLevers.context) : turned;
    return answer;
}

SmallestCard smallestCard(const ModelShape& shape, const Job& job, std::span<const DeviceSpec> cards, const CostsOn& costs, const FitOptions& options)
{
    SmallestCard answer;
    for (const DeviceSpec& card : cards) {
        const Trial trial = trialOf(shape, job, card, [&](const Job& which) { return costs(which, card); });
        answer.cards.push_back({card, trial.totalBytes, trial.verdict, card.bf16Arithmetic, forecastStep(shape, job, card, options.workload)});
    }
    std::ranges::stable_sort(answer.cards, {}, [](const CardAnswer& card) { return card.device.availableBytes; });
    const auto found = std::ranges::find_if(answer.cards, [](const CardAnswer& card) { return card.canRun && card.verdict != Verdict::DoesNotFit; });
    if (found != answer.cards.end())
        answer.asItIs = static_cast<int>(found - answer.cards.begin());
    FitOptions gentle = options;
    std::erase_if(gentle.levers, [](Lever lever) { return qualityOf(lever) == Quality::Changed; });
    for (auto card = answer.cards.begin(); card != found; ++card) {
        if (!card->canRun)
            continue;
        const FitAnswer fit = makeItFit(shape, job, card->device, [&](const Job& which) { return costs(which, card->device); }, gentle);
        if (fit.ways.empty())
            continue;
        answer.withLevers = static_cast<int>(card - answer.cards.begin());
        answer.way = fit.ways.front();
        break;
    }
    return answer;
}

}  // namespace lorikeet::plan
