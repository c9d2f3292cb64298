// SPDX-License-Identifier: GPL-3.0-or-later
// What became of every row of a data file: kept, cut, split or dropped and why, with row numbers; lengths; duplicates; packing.
#pragma once

#include "engine/data/example.h"
#include "engine/data/reader.h"
#include "engine/data/recognise.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace lorikeet::data {

/// Rows that one reason took out.
struct DroppedRows {
    std::int64_t count = 0;
    std::vector<RowProblem> rows;  ///< the first kShownProblems of them, in file order
};
inline constexpr std::size_t kShownProblems = 1000;

/// Lengths in tokens before cutting: counts[i] rows have lengths in [i * binWidth, (i + 1) * binWidth).
struct LengthHistogram {
    std::int64_t binWidth = 1;  ///< a power of two, so that a context of 512 or 2048 is a border of bins
    std::vector<std::int64_t> counts;
    std::int64_t longest = 0;
    std::int64_t median = 0;
};
/// At most `maxBins` bins.
[[nodiscard]] LengthHistogram makeHistogram(std::vector<std::int64_t> lengths, std::size_t maxBins = 64);

/// The account of one file. rows = keptRows + the sum of all dropped counts.
struct DataReport {
    std::string path;
    RowFormat format = RowFormat::Text;
    FileKind kind;
    std::int64_t rows = 0;       ///< blank lines not counted
    std::int64_t blankLines = 0;
    std::int64_t keptRows = 0;
    std::int64_t examples = 0;   ///< documents: keptRows, more when rows were split
    std::array<DroppedRows, kDropReasons> dropped;  ///< by DropReason
    std::int64_t cutRows = 0;       ///< rows whose end was cut off
    std::int64_t splitRows = 0;     ///< rows that became several documents
    std::int64_t emptyPieces = 0;   ///< pieces of split rows with nothing to learn
    std::int64_t duplicateRows = 0; ///< kept rows whose tokens and mask equal an earlier row's
    std::int64_t specialsAsText = 0;///< rows in which a message spells a special token, taken as ordinary text
    std::int64_t trainTokens = 0;   ///< tokens of the documents that are trained on
    std::int64_t trainSupervised = 0;
    std::int64_t validationRows = 0;    ///< kept rows that were held out
    std::int64_t validationTokens = 0;
    std::int64_t leakedRows = 0;        ///< validation documents that are equal to a training document
    LengthHistogram lengths;            ///< of all rows that were tokenised
    std::int64_t overContext = 0;       ///< rows longer than the context
    double packingEfficiency = 0;       ///< training tokens / (micro-batches x T) of the first epoch

    [[nodiscard]] const DroppedRows& droppedFor(DropReason reason) const { return dropped[static_cast<std::size_t>(reason)]; }
    [[nodiscard]] std::int64_t droppedRows() const noexcept;
    void drop(DropReason reason, RowProblem problem);
};

/// Words for a row that was tokenised and yet dropped: too long, nothing to learn, nothing left. Empty for other reasons.
[[nodiscard]] std::string describeDrop(DropReason reason, std::int64_t length, std::int64_t context);

/// One sentence per thing the user should know before training ("3 rows dropped: nothing to learn (rows 4, 9, 17)"); empty when all is well.
[[nodiscard]] std::vector<std::string> noticesOf(const DataReport& report);

}  // namespace lorikeet::data
