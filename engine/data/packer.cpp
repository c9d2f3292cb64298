// SPDX-License-Identifier: GPL-3.0-or-later
// First-fit by a tree of maxima; micro-batches without padding.
#include "engine/data/packer.h"

#include "engine/base/check.h"

#include <algorithm>
#include <bit>

namespace lorikeet::data {

namespace {

/// Free slots by bin in a tree of maxima, so that the first bin with enough room is found in O(log n).
class FreeSlots {
public:
    FreeSlots(std::size_t bins, std::int64_t slots) : m_leaves(std::bit_ceil(std::max<std::size_t>(bins, 1))), m_free(2 * m_leaves, slots) {}

    [[nodiscard]] std::size_t firstWith(std::int64_t length) const
    {
        std::size_t node = 1;
        while (node < m_leaves)
            node = m_free[2 * node] >= length ? 2 * node : 2 * node + 1;
        return node - m_leaves;
    }

    [[nodiscard]] std::int64_t free(std::size_t bin) const { return m_free[m_leaves + bin]; }

    void set(std::size_t bin, std::int64_t free)
    {
        std::size_t node = m_leaves + bin;
        m_free[node] = free;
        for (node /= 2; node > 0; node /= 2)
            m_free[node] = std::max(m_free[2 * node], m_free[2 * node + 1]);
    }

private:
    std::size_t m_leaves;
    std::vector<std::int64_t> m_free;  ///< heap order: root at 1, leaves from m_leaves
};

}  // namespace

std::vector<Bin> packFirstFit(std::span<const std::int64_t> lengths, const PackLimits& limits)
{
    // At most one bin per document is opened, and each fits into an empty one, so the search always ends at a bin.
    FreeSlots free(lengths.size(), limits.slots);
    std::vector<Bin> bins;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
        LORIKEET_CHECK(lengths[i] > 0 && lengths[i] <= limits.slots, "document of " + std::to_string(lengths[i]) + " tokens");
        const std::size_t bin = free.firstWith(lengths[i]);
        if (bin >= bins.size())
            bins.resize(bin + 1);
        bins[bin].push_back(static_cast<std::uint32_t>(i));
        const bool full = limits.documents > 0 && static_cast<std::int64_t>(bins[bin].size()) >= limits.documents;
        free.set(bin, full ? 0 : free.free(bin) - lengths[i]);
    }
    return bins;
}

std::vector<Bin> packRows(std::size_t documents, std::int64_t perBin)
{
    LORIKEET_CHECK(perBin > 0, "micro_batch is " + std::to_string(perBin));
    std::vector<Bin> bins;
    for (std::size_t i = 0; i < documents; ++i) {
        if (i % static_cast<std::size_t>(perBin) == 0)
            bins.emplace_back();
        bins.back().push_back(static_cast<std::uint32_t>(i));
    }
    return bins;
}

void appendDocument(MicroBatch& batch, const Example& example)
{
    LORIKEET_CHECK(example.tokens.size() == example.lossMask.size(), "tokens and loss mask of row " + std::to_string(example.row));
    if (batch.documentStarts.empty())
        batch.documentStarts.push_back(0);
    const std::size_t length = example.tokens.size();
    for (std::size_t i = 0; i < length; ++i) {
        const bool learnt = i + 1 < length && example.lossMask[i + 1] != 0;
        batch.tokens.push_back(example.tokens[i]);
        batch.targets.push_back(learnt ? example.tokens[i + 1] : -1);
        batch.positions.push_back(static_cast<std::int32_t>(i));
        batch.supervised += learnt;
    }
    batch.documentStarts.push_back(static_cast<std::int32_t>(batch.tokens.size()));
    batch.sampleIds.push_back(example.sampleId);
}

MicroBatch makeMicroBatch(std::span<const Example> examples, std::span<const std::uint32_t> order, const Bin& bin)
{
    MicroBatch batch;
    for (const std::uint32_t index : bin)
        appendDocument(batch, examples[order[index]]);
    return batch;
}

}  // namespace lorikeet::data
