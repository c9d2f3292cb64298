// SPDX-License-Identifier: GPL-3.0-or-later
// What one micro-batch is: whole documents laid one behind the other in at most T token slots, with everything a kernel needs to
// keep them apart.
//
// Legend: T planned slots (micro-batch x context), N used tokens, D documents.
#pragma once

#include <cstdint>
#include <vector>

namespace lorikeet::data {

/// Documents packed without padding between them. Arrays have N entries; the trainer rounds N up to a multiple of 64 rows with
/// rows that belong to no document.
struct MicroBatch {
    std::vector<std::int32_t> tokens;     ///< [N] input ids
    std::vector<std::int32_t> targets;    ///< [N] id to predict after this token, or -1 where nothing is learnt
    std::vector<std::int32_t> positions;  ///< [N] 0.. within each document
    std::vector<std::int32_t> documentStarts;  ///< [D + 1] first token of each document, then N
    std::vector<std::int64_t> sampleIds;       ///< [D] global index of the row the document came from (keys the randomness)
    std::int64_t supervised = 0;               ///< number of targets >= 0
};

/// All micro-batches of one optimizer step.
struct GlobalBatch {
    std::vector<MicroBatch> micro;
    std::int64_t tokens = 0;
    std::int64_t supervised = 0;  ///< divides the summed loss: mean over all supervised tokens of the step
};

}  // namespace lorikeet::data
