// SPDX-License-Identifier: GPL-3.0-or-later
// From a data file to the documents of a run: read, recognise, tokenise, fit, hold out, count.
#pragma once

#include "engine/base/progress.h"
#include "engine/data/report.h"
#include "engine/spec/job.h"

#include <ctime>
#include <optional>
#include <stop_token>
#include <vector>

namespace lorikeet::data {

struct Dataset {
    std::vector<Example> train;       ///< in file order
    std::vector<Example> validation;  ///< in file order
    DataReport report;                ///< of data.path
    std::optional<DataReport> validationReport;  ///< of data.validation_path
};

/// The whole data step of a job. Rows are tokenised on run.threads threads (0: all); the result does not depend on how many.
///
/// A row that can be read but not used is dropped, counted and named in the report; a row that cannot be read (broken JSON, invalid UTF-8)
/// refuses the file, because then nobody knows what else is wrong with it. The held-out rows are the first of a
/// shuffle by the seed: round(fraction x kept rows), at least 1 and at most all but one; pieces of a split row stay on one side.
/// `now` is the date templates see (the clock when absent; give a fixed one to make a run repeatable on another day).
///
/// @throws Error{BadInput} naming file and row; when no row can be trained on; when the format is not recognised (with the keys found);
/// when a conversational file meets a model without a chat template. Error{Cancelled} when stopped. Blocks; reports
/// "reading data" in bytes.
[[nodiscard]] Dataset buildDataset(const Job& job, const tokenizer::Tokenizer& tokenizer, const tokenizer::ChatTemplate* chatTemplate,
                                   const ProgressFn& progress = {}, const std::stop_token& stop = {},
                                   const std::optional<std::tm>& now = {});

/// Kept rows that a fraction holds out.
[[nodiscard]] std::int64_t heldOutRows(std::int64_t keptRows, double fraction) noexcept;

}  // namespace lorikeet::data
