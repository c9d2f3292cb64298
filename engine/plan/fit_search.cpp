// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/plan/fit_search.h"

#include <algorithm>

namespace lorikeet::plan {

namespace {

/// Stands for a family: as it is, without more recompute.
constexpr std::size_t kAsItIs = ~std::size_t{0};

/// Useless where the host's memory is the device's.
bool isForHostMemory(Lever lever) { return lever == Lever::HostEmbedding || lever == Lever::HostActivations || lever == Lever::HostLayers; }

}  // namespace

bool FitSearch::may(Lever lever) const { return std::ranges::find(m_options.levers, lever) != m_options.levers.end(); }

std::vector<Job> FitSearch::settings(Lever lever, const Job& job) const
{
    const bool isUseless = isForHostMemory(lever) && m_device.sharesHostMemory();
    return may(lever) && !isUseless ? settingsOf(lever, m_shape, job, m_options) : std::vector<Job>{job};
}

/// Whole blocks recomputed everywhere.
Job FitSearch::deepest(const Job& job) const
{
    if (!may(Lever::Recompute))
        return job;
    Job other = job;
    other.recipe.recompute = recomputeText(std::vector<Recompute>(static_cast<std::size_t>(m_shape.layers), Recompute::WholeBlock));
    return other;
}

Job FitSearch::mostNeutral(const Job& job) const
{
    return deepest(settings(Lever::LossChunk, settings(Lever::MicroBatch, job).back()).back());
}

/// Known host memory is a second limit.
bool FitSearch::isRoomOnHost(const Trial& trial) const
{
    return trial.possible && (m_device.hostAvailableBytes == 0 || trial.hostBytes <= m_device.hostAvailableBytes);
}

std::vector<Job> FitSearch::countsOnHost(const Job& job)
{
    std::vector<Job> counts = settings(Lever::HostLayers, job);
    const auto isRoom = [&](const Job& count) { return isRoomOnHost(m_trials.of(mostNeutral(count))); };
    if (counts.size() > 1 && !isRoom(counts.back()))
        counts.erase(std::partition_point(counts.begin() + 1, counts.end(), isRoom), counts.end());
    return counts;
}

double FitSearch::seconds(const Job& job) const
{
    if (!m_fewest)
        return secondsPerToken(m_shape, job, m_device, m_options.workload);
    Job twin = job;
    twin.recipe.offloadLayers = *m_fewest;
    return secondsPerToken(m_shape, twin, m_device, m_options.workload);
}

bool FitSearch::fits(const Job& job)
{
    const Trial& trial = m_trials.of(job);
    if (trial.fits() || !m_fewest || !trial.possible || trial.totalBytes > m_device.availableBytes)
        return trial.fits();
    Job twin = job;
    twin.recipe.offloadLayers = *m_fewest;
    return isRoomOnHost(m_trials.of(twin));
}

bool FitSearch::isTooLittle(const Cell& cell, std::size_t family, std::int64_t layers) const
{
    return std::ranges::any_of(m_tooLittle, [&](const TooLittle& known) {
        return cell.micro <= known.micro && cell.chunk <= known.chunk && family == known.family && layers <= known.layers;
    });
}

/// Asks plan() unless a job that is turned further is known not to fit.
bool FitSearch::fits(const Cell& cell, std::size_t index, const RecomputeFamily& family, std::int64_t layers)
{
    if (isTooLittle(cell, index, layers))
        return false;
    if (fits(index == kAsItIs ? cell.job : family.with(cell.job, layers)))
        return true;
    m_tooLittle.push_back({cell.micro, cell.chunk, index, layers});
    return false;
}

/// The fewest layers of a family that make the cell fit, if that is faster than `limit`.
void FitSearch::tryFamily(const Cell& cell, std::size_t index, const RecomputeFamily& family, std::optional<Found>& best, double limit)
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
std::int64_t FitSearch::fewestLayers(const Cell& cell, std::size_t index, const RecomputeFamily& family, std::int64_t most)
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

double FitSearch::floorOf(const Job& job) const
{
    if (!job.recipe.offloadActivations)
        return seconds(job);
    Job twin = job;
    twin.recipe.offloadActivations = false;
    return seconds(twin);
}

/// The fastest count of layers with which the cell fits. Fewer copies on the one side, more work on the other: time falls, then rises.
void FitSearch::tryFamilyOnHost(const Cell& cell, std::size_t index, const RecomputeFamily& family, std::optional<Found>& best, double limit)
{
    const double bound = std::min(limit, best ? best->seconds : kNever);
    const auto time = [&](std::int64_t layers) { return seconds(family.with(cell.job, layers)); };
    const auto quickestFrom = [&](std::int64_t low) {
        std::int64_t high = m_shape.layers;
        while (low < high) {
            const std::int64_t middle = (low + high) / 2;
            if (time(middle) <= time(middle + 1))
                high = middle;
            else
                low = middle + 1;
        }
        return low;
    };
    const std::int64_t quickest = quickestFrom(1);
    if (time(quickest) >= bound || !fits(cell, index, family, m_shape.layers))
        return;
    const std::int64_t layers = fits(cell, index, family, quickest) ? quickest : quickestFrom(fewestLayers(cell, index, family, m_shape.layers));
    if (const double found = time(layers); found < bound)
        best = Found{family.with(cell.job, layers), found};
}

/// The fastest recompute setting of one cell.
void FitSearch::tryCell(const Cell& cell, std::optional<Found>& best, double limit)
{
    const bool onHost = cell.job.recipe.offloadActivations;
    if (fits(cell, kAsItIs, {}, 0)) {
        const double time = seconds(cell.job);
        if (time < std::min(limit, best ? best->seconds : kNever))
            best = Found{cell.job, time};
        if (!onHost || time <= cell.floor)
            return;
    }
    if (!may(Lever::Recompute))
        return;
    const std::vector<RecomputeFamily> families = recomputeFamilies(m_shape, cell.job);
    for (std::size_t i = 0; i < families.size(); ++i)
        if (onHost)
            tryFamilyOnHost(cell, i, families[i], best, limit);
        else
            tryFamily(cell, i, families[i], best, limit);
}

std::vector<FitSearch::Cell> FitSearch::cellsOf(const Job& mode) const
{
    std::vector<Cell> cells;
    std::size_t micro = 0;
    for (const Job& batch : settings(Lever::MicroBatch, mode)) {
        std::size_t chunk = 0;
        for (Job& job : settings(Lever::LossChunk, batch)) {
            const double floor = floorOf(job);
            cells.push_back({std::move(job), floor, micro, chunk++});
        }
        ++micro;
    }
    return cells;
}

/// The fastest combination of the neutral levers that fits and beats `limit` seconds per token.
std::optional<Found> FitSearch::fastest(const Job& mode, double limit)
{
    if (!fits(mostNeutral(mode)))
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

std::optional<Found> FitSearch::fastestOfSpan(const Job& most, std::int64_t fewest, double limit)
{
    m_fewest = fewest;
    std::optional<Found> found = fastest(most, limit);
    m_fewest.reset();
    return found;
}

std::optional<Found> FitSearch::fastestByRecompute(const Job& job)
{
    std::optional<Found> best;
    m_tooLittle.clear();
    if (m_trials.fits(deepest(job)))
        tryCell({job, seconds(job), 0, 0}, best, kNever);
    return best;
}

}  // namespace lorikeet::plan
