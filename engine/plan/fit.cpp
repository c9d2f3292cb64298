// SPDX-License-Identifier: GPL-3.0-or-later
// The solver's outer half. Micro-batch, loss chunk, recompute depth, layers in host memory, rank and context are monotone: turned further, a
// job never needs more. Optimizer, precision, quantisation, and what else can be in host memory are not (their scratch may outweigh what
// they save in a small model): they are enumerated.
#include "engine/plan/fit.h"

#include "engine/base/units.h"
#include "engine/plan/fit_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

namespace lorikeet::plan {

namespace {

constexpr double kSameLoss = 1e-9;
/// Spans that promise less than this of the best time are not looked into: the forecast is not that exact.
constexpr double kSameTime = 1 - 1e-3;
/// A way of a later quality is worth a line where it takes at most this share of the time.
constexpr double kWorthwhile = 0.98;

/// A way to store everything, with a span of its counts of layers in host memory.
struct Span {
    std::shared_ptr<const std::vector<Job>> counts;
    std::size_t first = 0;
    std::size_t last = 0;
    double floor = 0;  ///< nothing in it takes less
};

class Solver {
public:
    Solver(const ModelShape& shape, const Job& job, const DeviceSpec& device, const CostsOf& costs, const FitOptions& options)
        : m_shape(shape), m_job(job), m_device(device), m_options(options), m_search(shape, device, costs, options)
    {
    }

    [[nodiscard]] FitAnswer answer();

private:
    [[nodiscard]] std::vector<Job> storages() const;
    [[nodiscard]] std::vector<Job> twinsOf(const std::vector<Job>& storages) const;
    [[nodiscard]] std::vector<Span> spansOf(const std::vector<Job>& modes, double limit);
    [[nodiscard]] std::optional<Found> fastestOf(const std::vector<Job>& modes, double limit);
    [[nodiscard]] std::optional<Found> leastChanged();
    [[nodiscard]] std::optional<Found> alone(Lever lever);
    [[nodiscard]] Found undone(Found found);
    void add(FitAnswer& answer, const std::optional<Found>& found);
    void addBest(FitAnswer& answer);
    [[nodiscard]] std::string whyNot();
    [[nodiscard]] std::string insteadOfFull();

    const ModelShape& m_shape;
    const Job& m_job;
    const DeviceSpec& m_device;
    const FitOptions& m_options;
    FitSearch m_search;
};

/// All settings of optimizer, precision and quantisation, the job itself first.
std::vector<Job> Solver::storages() const
{
    std::vector<Job> all;
    for (const Job& optimizer : m_search.settings(Lever::Optimizer, m_job))
        for (const Job& precision : m_search.settings(Lever::Precision, optimizer))
            for (Job& quantised : m_search.settings(Lever::Quantization, precision))
                all.push_back(std::move(quantised));
    return all;
}

/// Each with embedding and kept activations on the device or on the host.
std::vector<Job> Solver::twinsOf(const std::vector<Job>& storages) const
{
    std::vector<Job> all;
    for (const Job& storage : storages)
        for (const Job& embedded : m_search.settings(Lever::HostEmbedding, storage))
            for (Job& kept : m_search.settings(Lever::HostActivations, embedded))
                all.push_back(std::move(kept));
    return all;
}

/// Each mode that can fit, with all its counts.
std::vector<Span> Solver::spansOf(const std::vector<Job>& modes, double limit)
{
    std::vector<Span> spans;
    for (const Job& mode : modes) {
        const double floor = m_search.floorOf(mode);
        if (floor >= limit || !m_search.canFit(mode))
            continue;
        auto counts = std::make_shared<const std::vector<Job>>(m_search.countsOnHost(mode));
        const std::size_t last = counts->size() - 1;
        spans.push_back({std::move(counts), 0, last, floor});
    }
    return spans;
}

/// The fastest of some modes and their counts of layers in host memory. Spans of counts are asked as if they were one, the most promising
/// first, and halved as long as that hides something: more layers on the host free the device but take no less time.
std::optional<Found> Solver::fastestOf(const std::vector<Job>& modes, double limit)
{
    const auto isSlower = [](const Span& a, const Span& b) { return a.floor > b.floor; };
    std::vector<Span> queue = spansOf(modes, limit);
    std::ranges::make_heap(queue, isSlower);
    std::optional<Found> best;
    while (!queue.empty()) {
        std::ranges::pop_heap(queue, isSlower);
        const Span span = std::move(queue.back());
        queue.pop_back();
        const std::vector<Job>& counts = *span.counts;
        const double bound = std::min(limit, best ? best->seconds : kNever);
        if (span.floor >= bound * kSameTime)
            break;
        const auto found = m_search.fastestOfSpan(counts[span.last], counts[span.first].recipe.offloadLayers, bound);
        if (!found)
            continue;
        const double time = m_search.seconds(found->job);
        const bool fits = m_search.trials().fits(found->job);
        if (fits && time < bound)
            best = Found{found->job, time};
        if (span.first == span.last || (fits && time <= found->seconds))
            continue;
        const std::size_t middle = (span.first + span.last) / 2;
        for (const auto& [first, last] : {std::pair{span.first, middle}, std::pair{middle + 1, span.last}}) {
            queue.push_back({span.counts, first, last, std::max(found->seconds, m_search.floorOf(counts[first]))});
            std::ranges::push_heap(queue, isSlower);
        }
    }
    return best;
}

/// The fewest halvings of context and rank that make it fit, among equals the least rounding, and among those the fastest.
std::optional<Found> Solver::leastChanged()
{
    double leastLoss = kNever;
    std::vector<Job> equals;  // storage, rank and context of the least loss
    for (const Job& mode : twinsOf(storages())) {
        for (const Job& ranked : m_search.settings(Lever::Rank, mode)) {
            const std::vector<Job> contexts = m_search.settings(Lever::Context, ranked);
            const auto lossAt = [&](std::size_t i) { return lossBetween(m_job, contexts[i]); };
            const auto fitsAt = [&](std::size_t i) { return m_search.canFit(contexts[i]); };
            std::size_t high = contexts.size();
            while (high > 0 && lossAt(high - 1) > leastLoss + kSameLoss)
                --high;
            if (high == 0 || !fitsAt(--high))
                continue;
            std::size_t low = 0;
            while (low < high) {
                const std::size_t middle = (low + high) / 2;
                if (fitsAt(middle))
                    high = middle;
                else
                    low = middle + 1;
            }
            if (lossAt(low) < leastLoss - kSameLoss)
                equals.clear();
            leastLoss = std::min(leastLoss, lossAt(low));
            equals.push_back(contexts[low]);
        }
    }
    int leastRounding = std::numeric_limits<int>::max();
    for (const Job& job : equals)
        leastRounding = std::min(leastRounding, roundingsBetween(m_job, job));
    std::erase_if(equals, [&](const Job& job) { return roundingsBetween(m_job, job) > leastRounding; });
    return fastestOf(equals, kNever);
}

/// The gentlest setting of one lever that does it without the others.
std::optional<Found> Solver::alone(Lever lever)
{
    if (lever == Lever::Recompute)
        return m_search.fastestByRecompute(m_job);
    std::optional<Found> best;
    const std::vector<Job> jobs = m_search.settings(lever, m_job);
    if (qualityOf(lever) == Quality::Bounded) {
        const auto found = std::find_if(jobs.begin() + 1, jobs.end(), [&](const Job& job) { return m_search.trials().fits(job); });
        return found == jobs.end() ? best : Found{*found, m_search.seconds(*found)};
    }
    std::size_t low = 1;
    std::size_t high = jobs.size();
    while (low < high) {
        const std::size_t middle = (low + high) / 2;
        if (m_search.trials().fits(jobs[middle]))
            high = middle;
        else
            low = middle + 1;
    }
    if (low < jobs.size())
        best = Found{jobs[low], m_search.seconds(jobs[low])};
    return best;
}

/// Turns back what was not needed: levers whose settings cost the same time, and one that rounds where it wins next to none.
Found Solver::undone(Found found)
{
    const auto tryBack = [&](auto&& change, double worth = 1) {
        Job back = found.job;
        change(back.recipe, m_job.recipe);
        if (const double time = m_search.seconds(back); time * worth <= found.seconds && m_search.trials().fits(back))
            found = {back, time};
    };
    tryBack([](JobRecipe& to, const JobRecipe& from) { to.optimizer = from.optimizer; }, kWorthwhile);
    tryBack([](JobRecipe& to, const JobRecipe& from) { to.lossChunk = from.lossChunk; });
    tryBack([](JobRecipe& to, const JobRecipe& from) { std::tie(to.microBatch, to.accumulation) = std::tie(from.microBatch, from.accumulation); });
    tryBack([](JobRecipe& to, const JobRecipe& from) { to.recompute = from.recompute; });
    tryBack([](JobRecipe& to, const JobRecipe& from) { to.offloadEmbedding = from.offloadEmbedding; });
    tryBack([](JobRecipe& to, const JobRecipe& from) { to.offloadActivations = from.offloadActivations; });
    tryBack([](JobRecipe& to, const JobRecipe& from) { to.offloadLayers = from.offloadLayers; });
    return found;
}

void Solver::add(FitAnswer& answer, const std::optional<Found>& found)
{
    if (!found)
        return;
    FitWay way = wayBetween(m_shape, m_job, answer.totalBytes, found->job, m_search.trials().of(found->job), m_device, m_options.workload);
    const bool known = std::ranges::any_of(answer.ways, [&](const FitWay& other) { return other.summary == way.summary; });
    if (!known)
        answer.ways.push_back(std::move(way));
}

/// For a model that is trained whole: whether an adapter on it would fit.
std::string Solver::insteadOfFull()
{
    if (m_job.recipe.method != "full")
        return {};
    for (const auto& [name, quantization] : {std::pair{"LoRA", "none"}, std::pair{"QLoRA", "nf4"}}) {
        Job other = m_job;
        other.recipe.method = "lora";
        other.recipe.quantization = quantization;
        const Trial& trial = m_search.trials().of(m_search.mostNeutral(other));
        if (trial.possible && trial.verdict != Verdict::DoesNotFit)
            return std::string(", or train an adapter: ") + name + " of the same model can do with " + formatBytes(trial.totalBytes);
    }
    return {};
}

std::string Solver::whyNot()
{
    const Trial* least = nullptr;
    for (const Job& mode : twinsOf(storages())) {
        const Job smallest = m_search.settings(Lever::Context, m_search.settings(Lever::Rank, mode).back()).back();
        const Trial& trial = m_search.trials().of(m_search.mostNeutral(m_search.settings(Lever::HostLayers, smallest).back()));
        if (trial.possible && (!least || trial.totalBytes < least->totalBytes))
            least = &trial;
    }
    if (!least)
        return "no setting of the levers can be planned";
    if (least->totalBytes <= m_device.availableBytes)
        return "with every lever fully turned the job needs " + formatBytes(least->hostBytes) + " of host memory, and there is not so much; choose a smaller model or a larger device";
    return "with every lever fully turned the job still needs " + formatBytes(least->totalBytes) + ", and " + m_device.id + " has "
           + formatBytes(m_device.availableBytes) + "; choose a smaller model or a larger device" + insteadOfFull();
}

/// The best without rounding, then the best of each step of rounding more, as far as it is worth it.
void Solver::addBest(FitAnswer& answer)
{
    std::vector<std::vector<Job>> byRounding;
    for (Job& storage : storages()) {
        const auto step = static_cast<std::size_t>(roundingsBetween(m_job, storage));
        byRounding.resize(std::max(byRounding.size(), step + 1));
        byRounding[step].push_back(std::move(storage));
    }
    std::optional<Found> best;
    for (const std::vector<Job>& step : byRounding)
        if (auto found = fastestOf(twinsOf(step), best ? best->seconds * kWorthwhile : kNever)) {
            best = undone(std::move(*found));
            add(answer, best);
        }
    if (!best)
        if (auto found = leastChanged())
            add(answer, undone(std::move(*found)));
}

FitAnswer Solver::answer()
{
    FitAnswer answer;
    const Trial now = m_search.trials().of(m_job);
    answer.totalBytes = now.totalBytes;
    answer.capacityBytes = m_device.availableBytes;
    answer.verdict = now.verdict;
    answer.room = roomText(now.totalBytes, now.hostBytes, {m_device.availableBytes, m_device.hostAvailableBytes, m_device.sharesHostMemory()});
    if (now.fits()) {
        answer.reason = "the job fits as it is";
        return answer;
    }
    addBest(answer);
    for (const Lever lever : m_options.levers)
        add(answer, alone(lever));
    std::ranges::stable_sort(answer.ways, [](const FitWay& a, const FitWay& b) {
        if (a.quality != b.quality)
            return a.quality < b.quality;
        if (std::abs(a.loss - b.loss) > kSameLoss)
            return a.loss < b.loss;
        if (a.roundings != b.roundings)
            return a.roundings < b.roundings;
        return a.slowdown < b.slowdown;
    });
    if (answer.ways.empty())
        answer.reason = whyNot();
    answer.plans = m_search.trials().plans();
    return answer;
}

}  // namespace

FitAnswer makeItFit(const ModelShape& shape, const Job& job, const DeviceSpec& device, const CostsOf& costs, const FitOptions& options)
{
    static_cast<void>(plan(shape, job, device, costs(job)));  // what cannot be planned is said, not tried
    return Solver(shape, job, device, costs, options).answer();
}

}  // namespace lorikeet::plan
