// SPDX-License-Identifier: GPL-3.0-or-later
// How fast text becomes tokens here: opening a tokenizer, reading rows, chat template, tokenising, and the whole data step of a job.
#pragma once

#include "engine/base/progress.h"
#include "engine/spec/job.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <stop_token>

namespace lorikeet::api {

/// Wall time of each stage in seconds; each is done by itself, on `threads` threads where rows are independent.
struct TextBench {
    std::int64_t rows = 0;
    std::int64_t bytes = 0;   ///< of the rendered texts, UTF-8
    std::int64_t tokens = 0;  ///< of the rendered texts, special tokens parsed
    int threads = 0;
    double openSeconds = 0;      ///< the model's tokenizer and template
    double readSeconds = 0;      ///< rows parsed and checked
    double renderSeconds = 0;    ///< chat template
    double encodeSeconds = 0;    ///< texts to ids
    double datasetSeconds = 0;   ///< the data step of a run: all of it again, with loss masks, hold-out and packing
    double packingEfficiency = 0;  ///< of that step
};

/// Of the job's model and data. Blocks. @throws Error as summariseData().
[[nodiscard]] TextBench benchText(const Job& job, const std::stop_token& stop, const ProgressFn& progress);

[[nodiscard]] nlohmann::ordered_json toJson(const TextBench& bench);

}  // namespace lorikeet::api
