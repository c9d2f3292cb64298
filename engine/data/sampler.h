// SPDX-License-Identifier: GPL-3.0-or-later
// The order of training: shuffles each epoch, packs it, and hands out global batches. Everything follows from (seed, epoch), so two
// numbers are the whole state.
#pragma once

#include "engine/base/philox.h"
#include "engine/data/packer.h"
#include "engine/spec/device_spec.h"
#include "engine/spec/job.h"

#include <cstdint>
#include <span>
#include <vector>

namespace lorikeet::data {

/// 0 .. count-1 sorted by a Philox number of (seed, stream, round, index): the same on every machine and for every thread count.
[[nodiscard]] std::vector<std::uint32_t> shuffledOrder(std::size_t count, std::int64_t seed, RandomStream stream, std::int64_t round);

/// What the sampler takes from a job.
struct SamplerOptions {
    std::int64_t seed = 42;
    bool shuffle = true;
    bool packing = true;
    std::int64_t microBatch = 1;    ///< documents per micro-batch when packing is off
    std::int64_t accumulation = 1;  ///< micro-batches per global batch and rank
    std::int64_t slots = 0;         ///< T
    std::int64_t maxDocuments = 0;  ///< of a micro-batch; 0: no limit
    Rank rank;
};
[[nodiscard]] SamplerOptions samplerOptions(const Job& job, Rank rank = {}, std::int64_t maxDocuments = 0);

/// Where the next global batch is.
struct SamplerState {
    std::int64_t epoch = 0;   ///< from 0
    std::int64_t cursor = 0;  ///< global batches of this epoch that were handed out

    bool operator==(const SamplerState&) const = default;
};

/// Not thread-safe. `examples` must outlive it and must not change.
///
/// An epoch's micro-batches are made of all examples, each exactly once. A global batch is the next accumulation x world of them; rank r
/// has every world-th, counted by global index. The last global batch of an epoch may be smaller: the loss divides by supervised tokens, so
/// each token weighs the same within its batch.
class Sampler {
public:
    /// @throws Error{BadInput} when there are no examples.
    Sampler(std::span<const Example> examples, const SamplerOptions& options);

    /// The next global batch of this rank; goes on with the next epoch by itself. `tokens` and `supervised` are this rank's; ranks add
    /// them before they divide. A rank may get no micro-batch in the last batch of an epoch.
    [[nodiscard]] GlobalBatch next();

    [[nodiscard]] SamplerState state() const noexcept { return m_state; }
    /// @throws Error{BadInput} when the state is not one of this data set and job (a damaged or foreign checkpoint).
    void restore(const SamplerState& state);

    /// Epochs done, as a fraction: 1.5 in the middle of the second one.
    [[nodiscard]] double epochsDone();
    /// Global batches of an epoch. Differs a little between epochs, because another order packs differently.
    [[nodiscard]] std::int64_t stepsInEpoch(std::int64_t epoch);
    /// Micro-batches of an epoch, over all ranks.
    [[nodiscard]] std::int64_t binsInEpoch(std::int64_t epoch);
    /// Steps of the whole run: maxSteps when it is > 0; else all whole epochs and the ceiling of the last one's fraction, at least 1.
    [[nodiscard]] std::int64_t totalSteps(double epochs, std::int64_t maxSteps);
    /// State after `steps` global batches.
    [[nodiscard]] SamplerState stateAfter(std::int64_t steps);
    /// True at the first batch of an epoch after at least one step (when an evaluation "at the end of each epoch" is due).
    [[nodiscard]] bool atEpochStart() const noexcept { return m_state.cursor == 0 && m_state.epoch > 0; }

private:
    struct Epoch {
        std::int64_t index = -1;
        std::vector<std::uint32_t> order;
        std::vector<Bin> bins;
    };
    Epoch makeEpoch(std::int64_t index) const;
    const Epoch& currentEpoch();
    std::int64_t stepsOf(std::size_t bins) const noexcept;

    std::span<const Example> m_examples;
    SamplerOptions m_options;
    SamplerState m_state;
    Epoch m_epoch;                          ///< the one m_state points into, made when needed
    std::vector<std::int64_t> m_binCounts;  ///< by epoch, as far as known; 0: not yet
};

/// Steps of the run that `job` describes on `examples`.
[[nodiscard]] std::int64_t totalSteps(const Job& job, std::span<const Example> examples, Rank rank = {}, std::int64_t maxDocuments = 0);

/// All examples in file order, packed (or one per row) as in training, never shuffled.
[[nodiscard]] std::vector<MicroBatch> validationBatches(std::span<const Example> examples, const SamplerOptions& options);

}  // namespace lorikeet::data
