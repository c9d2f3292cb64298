// SPDX-License-Identifier: GPL-3.0-or-later
// An epoch is made again from (seed, epoch) whenever it is needed.
#include "engine/data/sampler.h"

#include "engine/base/check.h"
#include "engine/base/error.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace lorikeet::data {

namespace {

std::vector<std::uint32_t> fileOrder(std::size_t count)
{
    std::vector<std::uint32_t> order(count);
    std::iota(order.begin(), order.end(), 0U);
    return order;
}

std::vector<Bin> packInOrder(std::span<const Example> examples, std::span<const std::uint32_t> order, const SamplerOptions& options)
{
    if (!options.packing)
        return packRows(order.size(), options.microBatch);
    std::vector<std::int64_t> lengths;
    lengths.reserve(order.size());
    for (const std::uint32_t index : order)
        lengths.push_back(static_cast<std::int64_t>(examples[index].tokens.size()));
    return packFirstFit(lengths, {options.slots, options.maxDocuments});
}

}  // namespace

std::vector<std::uint32_t> shuffledOrder(std::size_t count, std::int64_t seed, RandomStream stream, std::int64_t round)
{
    const PhiloxKey key = philoxKey(seed, stream);
    const auto bits = static_cast<std::uint64_t>(round);
    std::vector<std::pair<std::uint64_t, std::uint32_t>> keyed(count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto index = static_cast<std::uint32_t>(i);
        const auto random = philox4x32({index, 0, static_cast<std::uint32_t>(bits), static_cast<std::uint32_t>(bits >> 32)}, key);
        keyed[i] = {(static_cast<std::uint64_t>(random[0]) << 32) | random[1], index};
    }
    std::ranges::sort(keyed);
    std::vector<std::uint32_t> order(count);
    std::ranges::transform(keyed, order.begin(), [](const auto& entry) { return entry.second; });
    return order;
}

SamplerOptions samplerOptions(const Job& job, Rank rank, std::int64_t maxDocuments)
{
    SamplerOptions options;
    options.seed = job.recipe.seed;
    options.shuffle = job.data.shuffle;
    options.packing = job.recipe.packing;
    options.microBatch = job.recipe.microBatch;
    options.accumulation = job.recipe.accumulation;
    options.slots = job.slots();
    options.maxDocuments = maxDocuments;
    options.rank = rank;
    return options;
}

Sampler::Sampler(std::span<const Example> examples, const SamplerOptions& options) : m_examples(examples), m_options(options)
{
    LORIKEET_CHECK(options.accumulation > 0 && options.rank.world > 0 && options.rank.index < options.rank.world, "sampler options");
    if (examples.empty())
        throw Error{ErrorCode::BadInput, "there is nothing to train on: no row was kept", "look at the rows that were dropped, and why"};
}

Sampler::Epoch Sampler::makeEpoch(std::int64_t index) const
{
    Epoch epoch;
    epoch.index = index;
    epoch.order = m_options.shuffle ? shuffledOrder(m_examples.size(), m_options.seed, RandomStream::Shuffle, index)
                                    : fileOrder(m_examples.size());
    epoch.bins = packInOrder(m_examples, epoch.order, m_options);
    return epoch;
}

const Sampler::Epoch& Sampler::currentEpoch()
{
    if (m_epoch.index != m_state.epoch)
        m_epoch = makeEpoch(m_state.epoch);
    return m_epoch;
}

std::int64_t Sampler::stepsOf(std::size_t bins) const noexcept
{
    const std::int64_t perStep = m_options.accumulation * m_options.rank.world;
    return (static_cast<std::int64_t>(bins) + perStep - 1) / perStep;
}

GlobalBatch Sampler::next()
{
    const Epoch& epoch = currentEpoch();
    const std::int64_t perStep = m_options.accumulation * m_options.rank.world;
    const std::int64_t begin = m_state.cursor * perStep;
    const std::int64_t end = std::min(begin + perStep, static_cast<std::int64_t>(epoch.bins.size()));
    GlobalBatch batch;
    for (std::int64_t bin = begin + m_options.rank.index; bin < end; bin += m_options.rank.world) {
        batch.micro.push_back(makeMicroBatch(m_examples, epoch.order, epoch.bins[static_cast<std::size_t>(bin)]));
        batch.tokens += static_cast<std::int64_t>(batch.micro.back().tokens.size());
        batch.supervised += batch.micro.back().supervised;
    }
    if (++m_state.cursor >= stepsOf(epoch.bins.size()))
        m_state = {m_state.epoch + 1, 0};
    return batch;
}

void Sampler::restore(const SamplerState& state)
{
    if (state.epoch < 0 || state.cursor < 0 || (state.cursor > 0 && state.cursor >= stepsInEpoch(state.epoch)))
        throw Error{ErrorCode::BadInput,
                    "the checkpoint's data position (epoch " + std::to_string(state.epoch) + ", batch " + std::to_string(state.cursor)
                        + ") does not exist in this data set",
                    "resume with the data and the job the run was started with"};
    m_state = state;
}

double Sampler::epochsDone()
{
    const double fraction = m_state.cursor == 0 ? 0.0 : static_cast<double>(m_state.cursor) / static_cast<double>(stepsInEpoch(m_state.epoch));
    return static_cast<double>(m_state.epoch) + fraction;
}

std::int64_t Sampler::binsInEpoch(std::int64_t epoch)
{
    constexpr std::int64_t kRemembered = 1 << 16;  // a damaged state may name any epoch
    // Without packing, and without shuffling, every epoch has the same number of bins.
    if (!m_options.packing || !m_options.shuffle)
        epoch = 0;
    if (epoch == m_epoch.index)
        return static_cast<std::int64_t>(m_epoch.bins.size());
    if (epoch >= kRemembered)
        return static_cast<std::int64_t>(makeEpoch(epoch).bins.size());
    const auto index = static_cast<std::size_t>(epoch);
    if (index >= m_binCounts.size())
        m_binCounts.resize(index + 1, 0);
    if (m_binCounts[index] == 0)
        m_binCounts[index] = static_cast<std::int64_t>(makeEpoch(epoch).bins.size());
    return m_binCounts[index];
}

std::int64_t Sampler::stepsInEpoch(std::int64_t epoch)
{
    return stepsOf(static_cast<std::size_t>(binsInEpoch(epoch)));
}

std::int64_t Sampler::totalSteps(double epochs, std::int64_t maxSteps)
{
    if (maxSteps > 0)
        return maxSteps;
    const auto whole = static_cast<std::int64_t>(std::floor(epochs));
    std::int64_t steps = 0;
    for (std::int64_t epoch = 0; epoch < whole; ++epoch)
        steps += stepsInEpoch(epoch);
    if (const double fraction = epochs - std::floor(epochs); fraction > 0)
        steps += static_cast<std::int64_t>(std::ceil(fraction * static_cast<double>(stepsInEpoch(whole))));
    return std::max<std::int64_t>(steps, 1);
}

SamplerState Sampler::stateAfter(std::int64_t steps)
{
    SamplerState state;
    for (std::int64_t inEpoch = stepsInEpoch(0); steps >= inEpoch; inEpoch = stepsInEpoch(state.epoch)) {
        steps -= inEpoch;
        ++state.epoch;
    }
    state.cursor = steps;
    return state;
}

std::int64_t totalSteps(const Job& job, std::span<const Example> examples, Rank rank, std::int64_t maxDocuments)
{
    return Sampler(examples, samplerOptions(job, rank, maxDocuments)).totalSteps(job.recipe.epochs, job.recipe.maxSteps);
}

std::vector<MicroBatch> validationBatches(std::span<const Example> examples, const SamplerOptions& options)
{
    const std::vector<std::uint32_t> order = fileOrder(examples.size());
    std::vector<MicroBatch> batches;
    for (const Bin& bin : packInOrder(examples, order, options))
        batches.push_back(makeMicroBatch(examples, order, bin));
    return batches;
}

}  // namespace lorikeet::data
