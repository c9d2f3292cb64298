// SPDX-License-Identifier: GPL-3.0-or-later
// Which documents share a micro-batch, and the micro-batch made of them.
//
// Legend: T token slots of a micro-batch (micro-batch x context).
#pragma once

#include "engine/data/example.h"
#include "engine/data/micro_batch.h"

#include <cstdint>
#include <span>
#include <vector>

namespace lorikeet::data {

/// What a micro-batch can hold.
struct PackLimits {
    std::int64_t slots = 0;      ///< T
    std::int64_t documents = 0;  ///< at most this many documents in one micro-batch; 0: no limit
};

/// Documents of one micro-batch, as indices into the list that was packed, in the order they lie in it.
using Bin = std::vector<std::uint32_t>;

/// First-fit: each document, in the order given, goes into the earliest micro-batch that still has room; bins keep the order they
/// were opened in. O(n log n) by a tree over the free slots. A document is never divided. (Johnson 1973: at most 1.7 x the optimum.)
/// `lengths` are > 0 and <= limits.slots.
[[nodiscard]] std::vector<Bin> packFirstFit(std::span<const std::int64_t> lengths, const PackLimits& limits);

/// One document per row of `context` slots: `perBin` consecutive documents in each bin.
[[nodiscard]] std::vector<Bin> packRows(std::size_t documents, std::int64_t perBin);

/// Appends a document. The target of token i is token i + 1 where that one is to be learnt, else -1; the last token has none.
void appendDocument(MicroBatch& batch, const Example& example);

/// The documents of a bin one behind the other. `order` maps the bin's indices to examples.
[[nodiscard]] MicroBatch makeMicroBatch(std::span<const Example> examples, std::span<const std::uint32_t> order, const Bin& bin);

}  // namespace lorikeet::data
