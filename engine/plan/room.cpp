// SPDX-License-Identifier: GPL-3.0-or-later
// What spare memory could buy.
#include "engine/plan/fit.h"
#include "engine/plan/inverse.h"
#include "engine/plan/levers.h"
#include "engine/plan/trials.h"

#include <algorithm>
#include <optional>

namespace lorikeet::plan {

namespace {

constexpr std::int64_t kMostRank = 256;
constexpr std::int64_t kMostMicroBatch = 64;
/// Below this gain a faster setting is not worth a line.
constexpr double kWorthwhile = 0.995;

class Shop {
public:
    Shop(const ModelShape& shape, const Job& job, const DeviceSpec& device, const CostsOf& costs, const FitOptions& options)
        : m_shape(shape), m_job(job), m_device(device), m_costs(costs), m_options(options), m_trials(shape, device, costs)
    {
    }

    [[nodiscard]] FitAnswer answer();

private:
    void offer(const std::optional<Job>& job);
    [[nodiscard]] std::optional<Job> lessOnHost();
    [[nodiscard]] std::optional<Job> lessRecompute();
    [[nodiscard]] std::optional<Job> largerMicroBatch();
    [[nodiscard]] std::optional<Job> milderQuantization();
    [[nodiscard]] std::optional<Job> fullPrecision();
    [[nodiscard]] std::optional<Job> higherRank();
    [[nodiscard]] std::optional<Job> longerContext();

    const ModelShape& m_shape;
    const Job& m_job;
    const DeviceSpec& m_device;
    const CostsOf& m_costs;
    const FitOptions& m_options;
    Trials m_trials;
    FitAnswer m_answer;
};

void Shop::offer(const std::optional<Job>& job)
{
    if (!job)
        return;
    FitWay way = wayBetween(m_shape, m_job, m_answer.totalBytes, *job, m_trials.of(*job), m_device, m_options.workload);
    const bool isForSpeed = std::ranges::all_of(way.levers, [](Lever lever) { return qualityOf(lever) == Quality::Neutral; });
    if (!isForSpeed || way.slowdown < kWorthwhile || way.quality == Quality::Changed)
        m_answer.ways.push_back(std::move(way));
}

/// Layers, then kept activations, then the embedding back on the device, as far as there is room.
std::optional<Job> Shop::lessOnHost()
{
    if (m_device.sharesHostMemory())
        return std::nullopt;
    Job job = m_job;
    std::int64_t low = 0;  // the fewest layers on the host that fit
    std::int64_t high = job.recipe.offloadLayers;
    while (low < high) {
        const std::int64_t middle = (low + high) / 2;
        job.recipe.offloadLayers = middle;
        if (m_trials.fits(job))
            high = middle;
        else
            low = middle + 1;
    }
    job.recipe.offloadLayers = low;
    for (bool JobRecipe::* part : {&JobRecipe::offloadActivations, &JobRecipe::offloadEmbedding}) {
        Job other = job;
        other.recipe.*part = false;
        if (m_trials.fits(other))
            job = other;
    }
    return changesBetween(m_job, job).empty() ? std::nullopt : std::optional(job);
}

/// The lowest level that fits, and of the layers above it as few as possible.
std::optional<Job> Shop::lessRecompute()
{
    const std::vector<Recompute> now = recomputeLevels(m_job, m_shape.layers);
    for (int lower = 0; lower < static_cast<int>(*std::ranges::max_element(now)); ++lower) {
        const auto keeping = [&](std::int64_t layers) {  // as now in the first layers, `lower` in the others
            std::vector<Recompute> levels = now;
            for (std::size_t i = static_cast<std::size_t>(layers); i < levels.size(); ++i)
                levels[i] = std::min(levels[i], static_cast<Recompute>(lower));
            Job other = m_job;
            other.recipe.recompute = recomputeText(levels);
            return other;
        };
        std::int64_t low = 0;
        std::int64_t high = m_shape.layers;
        while (low < high) {
            const std::int64_t middle = (low + high) / 2;
            if (m_trials.fits(keeping(middle)))
                high = middle;
            else
                low = middle + 1;
        }
        if (low < m_shape.layers)
            return keeping(low);
    }
    return std::nullopt;
}

/// With accumulation the global batch is kept; without it the batch grows.
std::optional<Job> Shop::largerMicroBatch()
{
    const std::int64_t global = m_job.recipe.microBatch * m_job.recipe.accumulation;
    std::optional<Job> best;
    for (std::int64_t size = m_job.recipe.microBatch * 2; size <= kMostMicroBatch; size *= 2) {
        Job other = m_job;
        other.recipe.microBatch = size;
        if (m_job.recipe.accumulation > 1) {
            if (global % size != 0)
                break;
            other.recipe.accumulation = global / size;
        }
        if (!m_trials.fits(other))
            break;
        best = other;
    }
    return best;
}

std::optional<Job> Shop::milderQuantization()
{
    if (quantizationOf(m_job) == Quantization::None)
        return std::nullopt;
    for (const char* milder : {"none", "int8"}) {
        Job other = m_job;
        other.recipe.quantization = milder;
        if (other.recipe.quantization != m_job.recipe.quantization && m_trials.fits(other))
            return other;
    }
    return std::nullopt;
}

std::optional<Job> Shop::fullPrecision()
{
    Job other = m_job;
    other.recipe.precision = "fp32";
    return other.recipe.precision != m_job.recipe.precision && m_trials.fits(other) ? std::optional(other) : std::nullopt;
}

std::optional<Job> Shop::higherRank()
{
    std::optional<Job> best;
    if (m_job.recipe.method == "full" || !m_job.recipe.rankPattern.empty())
        return best;
    for (std::int64_t rank = m_job.recipe.rank * 2; rank <= kMostRank; rank *= 2) {
        const Job other = withRank(m_job, rank);
        if (!m_trials.fits(other))
            break;
        best = other;
    }
    return best;
}

std::optional<Job> Shop::longerContext()
{
    const LongestContext longest = longestContext(m_shape, m_job, m_device, m_costs, m_options);
    return longest.context > m_job.recipe.context ? std::optional(longest.job) : std::nullopt;
}

FitAnswer Shop::answer()
{
    const Trial now = m_trials.of(m_job);
    m_answer.totalBytes = now.totalBytes;
    m_answer.capacityBytes = m_device.availableBytes;
    m_answer.verdict = now.verdict;
    m_answer.room = roomText(now.totalBytes, now.hostBytes, {m_device.availableBytes, m_device.hostAvailableBytes, m_device.sharesHostMemory()});
    if (!now.fits()) {
        m_answer.reason = "the job does not fit as it is";
        return m_answer;
    }
    offer(lessOnHost());
    offer(lessRecompute());
    offer(largerMicroBatch());
    offer(milderQuantization());
    offer(fullPrecision());
    offer(longerContext());
    offer(higherRank());
    if (m_answer.ways.empty())
        m_answer.reason = "nothing more fits beside the job";
    m_answer.plans = m_trials.plans();
    return m_answer;
}

}  // namespace

FitAnswer roomFor(const ModelShape& shape, const Job& job, const DeviceSpec& device, const CostsOf& costs, const FitOptions& options)
{
    static_cast<void>(trialOf(shape, job, device, costs));  // what cannot be planned is said
    return Shop(shape, job, device, costs, options).answer();
}

}  // namespace lorikeet::plan
