// SPDX-License-Identifier: GPL-3.0-or-later
// The solver. Time is cheap to compute and bytes (plan()) are not, so it orders by time and asks for bytes only where the answer can
// still be better. Micro-batch, loss chunk, recompute depth, rank and context are monotone: turned further, a job never needs more.
// Optimizer, precision and quantisation are not (their scratch may outweigh what they save in a small model): they are enumerated.
#include "engine/plan/fit.h"

#include "engine/base/units.h"
#include "engine/plan/levers.h"
#include "engine/plan/trials.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <tuple>

namespace lorikeet::plan {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr double kSameLoss = 1e-9;
/// A way of a later quality is worth a line where it takes at most this share of the time.
constexpr double kWorthwhile = 0.98;
constexpr std::size_t kAsItIs = ~std::size_t{0};

struct Found {
    Job job;
    double seconds = kNever;  ///< per token
};

class Solver {
public:
    Solver(const ModelShape& shape, const Job& job, const DeviceSpec& device, const CostsOf& costs, const FitOptions& options)
        : m_shape(shape), m_job(job), m_device(device), m_options(options), m_trials(shape, device, costs)
    {
    }

    [[nodiscard]] FitAnswer answer();

private:
    [[nodiscard]] bool may(Lever lever) const { return std::ranges::find(m_options.levers, lever) != m_options.levers.end(); }
    [[nodiscard]] std::vector<Job> settings(Lever lever, const Job& job) const
    {
        // On a CPU the host's memory is the device's: nothing is won there.
        const bool useless = lever == Lever::HostEmbedding && m_device.kind == DeviceSpec::Kind::Cpu;
        return may(lever) && !useless ? settingsOf(lever, m_shape, job, m_options) : std::vector<Job>{job};
    }
    [[nodiscard]] double seconds(const Job& job) const { return secondsPerToken(m_shape, job, m_device, m_options.workload); }
    [[nodiscard]] Job deepest(const Job& job) const;
    [[nodiscard]] Job mostNeutral(const Job& job) const;
    [[nodiscard]] std::vector<Job> modes() const;

    /// One micro-batch and loss chunk.
    struct Cell {
        Job job;
        double floor = 0;       ///< seconds without more recompute
        std::size_t micro = 0;  ///< how far each lever is turned
        std::size_t chunk = 0;
    };
    /// Cells up to these turns do not fit with so many layers of a family (kAsItIs: without more recompute).
    struct TooLittle {
        std::size_t micro = 0;
        std::size_t chunk = 0;
        std::size_t family = 0;
        std::int64_t layers = 0;
    };
    [[nodiscard]] bool isTooLittle(const Cell& cell, std::size_t family, std::int64_t layers) const;
    [[nodiscard]] bool fits(const Cell& cell, std::size_t index, const RecomputeFamily& family, std::int64_t layers);
    void tryFamily(const Cell& cell, std::size_t index, const RecomputeFamily& family, std::optional<Found>& best, double limit);
    [[nodiscard]] std::int64_t fewestLayers(const Cell& cell, std::size_t index, const RecomputeFamily& family, std::int64_t most);
    void tryCell(const Cell& cell, std::optional<Found>& best, double limit);
    [[nodiscard]] std::vector<Cell> cellsOf(const Job& mode) const;
    [[nodiscard]] std::optional<Found> fastest(const Job& mode, double limit);
    [[nodiscard]] std::optional<Found> fastestNeutral();
    [[nodiscard]] std::optional<Found> fastestBounded(double limit);
    [[nodiscard]] std::optional<Found> leastChanged();
    [[nodiscard]] std::optional<Found> alone(Lever lever);
    [[nodiscard]] Found undone(Found found);
    void add(FitAnswer& answer, const std::optional<Found>& found);
    [[nodiscard]] std::string whyNot();

    const ModelShape& m_shape;
    const Job& m_job;
    const DeviceSpec& m_device;
    const FitOptions& m_options;
    Trials m_trials;
    std::vector<TooLittle> m_tooLittle;  ///< of the mode at hand
};

/// Whole blocks recomputed everywhere.
Job Solver::deepest(const Job& job) const
{
    if (!may(Lever::Recompute))
        return job;
    Job other = job;
    other.recipe.recompute = recomputeText(std::vector<Recompute>(static_cast<std::size_t>(m_shape.layers), Recompute::WholeBlock));
    return other;
}

Job Solver::mostNeutral(const Job& job) const
{
    return deepest(settings(Lever::LossChunk, settings(Lever::MicroBatch, job).back()).back());
}

/// All settings of the enumerated levers, the job itself first.
std::vector<Job> Solver::modes() const
{
    std::vector<Job> all;
    for (const Job& optimizer : settings(Lever::Optimizer, m_job))
        for (const Job& precision : settings(Lever::Precision, optimizer))
            for (const Job& quantised : settings(Lever::Quantization, precision))
                for (Job& offloaded : settings(Lever::HostEmbedding, quantised))
                    all.push_back(std::move(offloaded));
    return all;
}

bool Solver::isTooLittle(const Cell& cell, std::size_t family, std::int64_t layers) const
{
    return std::ranges::any_of(m_tooLittle, [&](const TooLittle& known) {
        return cell.micro <= known.micro && cell.chunk <= known.chunk && family == known.family && layers <= known.layers;
    });
}

/// Asks plan() unless a job that is turned further is known not to fit.
bool Solver::fits(const Cell& cell, std::size_t index, const RecomputeFamily& family, std::int64_t layers)
{
    if (isTooLittle(cell, index, layers))
        return false;
    if (m_trials.fits(index == kAsItIs ? cell.job : family.with(cell.job, layers)))
        return true;
    m_tooLittle.push_back({cell.micro, cell.chunk, index, layers});
    return false;
}

/// The fewest layers of a family that make the cell fit, if that is faster than `limit`.
void Solver::tryFamily(const Cell& cell, std::size_t index, const RecomputeFamily& family, std::optional<Found>& best, double limit)
{
    const double bound = std::min(limit, best ? best->seconds : kNever);
    // Time rises with the layers: the last count that is still fast enough.
    std::int64_t low = 0;
    std::int64_t high = m_shape.layers;
    while (low < high) {
        const std::int64_t middle = (low + high + 1) / 2;
        if (seconds(family.with(cell.job, middle)) < bound)
            low = middle;
        else
            high = middle - 1;
    }
    if (low == 0 || !fits(cell, index, family, low))
        return;
    Job job = family.with(cell.job, fewestLayers(cell, index, family, low));
    const double time = seconds(job);
    best = Found{std::move(job), time};
}

/// The fewest layers of a family with which the cell fits; with `most` it does. Bytes fall almost evenly from layer to layer, so the
/// crossing is aimed at; every third step halves, whatever they do.
std::int64_t Solver::fewestLayers(const Cell& cell, std::size_t index, const RecomputeFamily& family, std::int64_t most)
{
    const auto bytesAt = [&](std::int64_t layers) { return static_cast<double>(m_trials.of(family.with(cell.job, layers)).totalBytes); };
    if (most == 1 || fits(cell, index, family, 1))
        return 1;
    std::int64_t tooFew = 1;
    for (int step = 0; most - tooFew > 1; ++step) {
        std::int64_t guess = (tooFew + most) / 2;
        if (const double fall = bytesAt(tooFew) - bytesAt(most); step % 3 != 2 && fall > 0) {
            const double room = static_cast<double>(m_device.availableBytes) - bytesAt(most);
            guess = std::clamp(most - static_cast<std::int64_t>(room / fall * static_cast<double>(most - tooFew)), tooFew + 1, most - 1);
        }
        if (fits(cell, index, family, guess))
            most = guess;
        else
            tooFew = guess;
    }
    return most;
}

/// The fastest recompute setting of one cell.
void Solver::tryCell(const Cell& cell, std::optional<Found>& best, double limit)
{
    if (fits(cell, kAsItIs, {}, 0)) {
        best = Found{cell.job, cell.floor};
        return;
    }
    if (!may(Lever::Recompute))
        return;
    const std::vector<RecomputeFamily> families = recomputeFamilies(m_shape, cell.job);
    for (std::size_t i = 0; i < families.size(); ++i)
        tryFamily(cell, i, families[i], best, limit);
}

std::vector<Solver::Cell> Solver::cellsOf(const Job& mode) const
{
    std::vector<Cell> cells;
    std::size_t micro = 0;
    for (const Job& batch : settings(Lever::MicroBatch, mode)) {
        std::size_t chunk = 0;
        for (Job& job : settings(Lever::LossChunk, batch)) {
            const double floor = seconds(job);
            cells.push_back({std::move(job), floor, micro, chunk++});
        }
        ++micro;
    }
    return cells;
}

/// The fastest combination of the neutral levers that fits and beats `limit` seconds per token.
std::optional<Found> Solver::fastest(const Job& mode, double limit)
{
    if (!m_trials.fits(mostNeutral(mode)))
        return std::nullopt;
    m_tooLittle.clear();
    const std::vector<Cell> cells = cellsOf(mode);
    std::optional<Found> best;
    // From the cell that saves most: it gives the first bound, and what does not fit there fits nowhere before it.
    for (auto cell = cells.rbegin(); cell != cells.rend(); ++cell)
        if (cell->floor < std::min(limit, best ? best->seconds : kNever))
            tryCell(*cell, best, limit);
    return best;
}

/// Over the neutral modes: the job's own optimizer, precision and quantisation.
std::optional<Found> Solver::fastestNeutral()
{
    std::optional<Found> best;
    // What saves much at next to no time comes first: its bound rules most of the other out.
    std::vector<Job> own = settings(Lever::HostEmbedding, m_job);
    std::ranges::reverse(own);
    for (const Job& mode : own)
        if (const auto found = fastest(mode, best ? best->seconds : kNever))
            best = found;
    return best;
}

/// Over all other optimizers, precisions and quantisations.
std::optional<Found> Solver::fastestBounded(double limit)
{
    std::vector<Job> others = modes();
    others.erase(others.begin(), others.begin() + static_cast<std::ptrdiff_t>(settings(Lever::HostEmbedding, m_job).size()));
    std::ranges::stable_sort(others, {}, [&](const Job& mode) { return seconds(mode); });
    std::optional<Found> best;
    // First where the embedding is on the host, as above; then, where that won, without.
    const bool hosts = settings(Lever::HostEmbedding, m_job).size() > 1;
    for (const Job& mode : others)
        if (!hosts || mode.recipe.offloadEmbedding)
            if (const auto found = fastest(mode, std::min(limit, best ? best->seconds : kNever)))
                best = found;
    if (!hosts || !best)
        return best;
    for (const Job& mode : others) {
        const JobRecipe& won = best->job.recipe;
        const bool isTwin = mode.recipe.optimizer == won.optimizer && mode.recipe.precision == won.precision && mode.recipe.quantization == won.quantization;
        if (!mode.recipe.offloadEmbedding && isTwin)
            if (const auto found = fastest(mode, best->seconds))
                return found;
    }
    return best;
}

/// The fewest halvings of context and rank that make it fit, and among equals the fastest.
std::optional<Found> Solver::leastChanged()
{
    double leastLoss = kNever;
    std::vector<Job> equals;  // mode, rank and context of the least loss
    for (const Job& mode : modes()) {
        for (const Job& ranked : settings(Lever::Rank, mode)) {
            const std::vector<Job> contexts = settings(Lever::Context, ranked);
            const auto lossAt = [&](std::size_t i) { return lossBetween(m_job, contexts[i]); };
            const auto fitsAt = [&](std::size_t i) { return m_trials.fits(mostNeutral(contexts[i])); };
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
    std::ranges::stable_sort(equals, {}, [&](const Job& job) { return seconds(job); });
    std::optional<Found> best;
    for (const Job& job : equals)
        if (const auto found = fastest(job, best ? best->seconds : kNever))
            best = found;
    return best;
}

/// The gentlest setting of one lever that does it without the others.
std::optional<Found> Solver::alone(Lever lever)
{
    std::optional<Found> best;
    if (lever == Lever::Recompute) {
        m_tooLittle.clear();
        if (m_trials.fits(deepest(m_job)))
            tryCell({m_job, seconds(m_job), 0, 0}, best, kNever);
        return best;
    }
    const std::vector<Job> jobs = settings(lever, m_job);
    if (qualityOf(lever) == Quality::Bounded) {
        for (std::size_t i = 1; i < jobs.size(); ++i)
            if (m_trials.fits(jobs[i]) && (!best || seconds(jobs[i]) < best->seconds))
                best = Found{jobs[i], seconds(jobs[i])};
        return best;
    }
    std::size_t low = 1;
    std::size_t high = jobs.size();
    while (low < high) {
        const std::size_t middle = (low + high) / 2;
        if (m_trials.fits(jobs[middle]))
            high = middle;
        else
            low = middle + 1;
    }
    if (low < jobs.size())
        best = Found{jobs[low], seconds(jobs[low])};
    return best;
}

/// Turns back what was not needed: levers whose settings cost the same time.
Found Solver::undone(Found found)
{
    const auto tryBack = [&](auto&& change) {
        Job back = found.job;
        change(back.recipe, m_job.recipe);
        if (const double time = seconds(back); time <= found.seconds && m_trials.fits(back))
            found = {back, time};
    };
    tryBack([](JobRecipe& to, const JobRecipe& from) { to.lossChunk = from.lossChunk; });
    tryBack([](JobRecipe& to, const JobRecipe& from) { std::tie(to.microBatch, to.accumulation) = std::tie(from.microBatch, from.accumulation); });
    tryBack([](JobRecipe& to, const JobRecipe& from) { to.recompute = from.recompute; });
    tryBack([](JobRecipe& to, const JobRecipe& from) { to.optimizer = from.optimizer; });
    tryBack([](JobRecipe& to, const JobRecipe& from) { to.offloadEmbedding = from.offloadEmbedding; });
    return found;
}

void Solver::add(FitAnswer& answer, const std::optional<Found>& found)
{
    if (!found)
        return;
    FitWay way = wayBetween(m_shape, m_job, answer.totalBytes, found->job, m_trials.of(found->job), m_device, m_options.workload);
    const bool known = std::ranges::any_of(answer.ways, [&](const FitWay& other) { return other.summary == way.summary; });
    if (!known)
        answer.ways.push_back(std::move(way));
}

std::string Solver::whyNot()
{
    const Trial* least = nullptr;
    for (const Job& mode : modes())
        if (const Trial& trial = m_trials.of(mostNeutral(settings(Lever::Context, settings(Lever::Rank, mode).back()).back()));
            trial.possible && (!least || trial.totalBytes < least->totalBytes))
            least = &trial;
    if (!least)
        return "no setting of the levers can be planned";
    return "with every lever fully turned the job still needs " + formatBytes(least->totalBytes) + ", and " + m_device.id + " has "
           + formatBytes(m_device.availableBytes) + "; choose a smaller model or a larger device";
}

FitAnswer Solver::answer()
{
    FitAnswer answer;
    const Trial now = m_trials.of(m_job);
    answer.totalBytes = now.totalBytes;
    answer.capacityBytes = m_device.availableBytes;
    answer.verdict = now.verdict;
    if (now.fits()) {
        answer.reason = "the job fits as it is";
        return answer;
    }
    const auto needed = [&](std::optional<Found> found) { return found ? std::optional(undone(*found)) : found; };
    const std::optional<Found> neutral = needed(fastestNeutral());
    add(answer, neutral);
    const std::optional<Found> bounded = needed(fastestBounded(neutral ? neutral->seconds * kWorthwhile : kNever));
    add(answer, bounded);
    if (!neutral && !bounded)
        add(answer, needed(leastChanged()));
    for (const Lever lever : m_options.levers)
        add(answer, alone(lever));
    std::ranges::stable_sort(answer.ways, [](const FitWay& a, const FitWay& b) {
        if (a.quality != b.quality)
            return a.quality < b.quality;
        if (std::abs(a.loss - b.loss) > kSameLoss)
            return a.loss < b.loss;
        return a.slowdown < b.slowdown;
    });
    if (answer.ways.empty())
        answer.reason = whyNot();
    answer.plans = m_trials.plans();
    return answer;
}

}  // namespace

FitAnswer makeItFit(const ModelShape& shape, const Job& job, const DeviceSpec& device, const CostsOf& costs, const FitOptions& options)
{
    static_cast<void>(plan(shape, job, device, costs(job)));  // what cannot be planned is said, not tried
    return Solver(shape, job, device, costs, options).answer();
}

}  // namespace lorikeet::plan
