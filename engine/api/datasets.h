// SPDX-License-Identifier: GPL-3.0-or-later
// What the Data page and `inspect` show of a data set.
#pragma once

#include "engine/base/progress.h"
#include "engine/spec/job.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace lorikeet::api {

/// A piece of text the model sees as one token.
struct PreviewToken {
    std::int32_t id = 0;
    std::string text;
    bool trained = false;
};
struct PreviewRow {
    std::int64_t row = 0;  ///< line number in the file, from 1
    std::vector<PreviewToken> tokens;
    std::string problem;   ///< why the row is dropped; empty if it is used
};

/// A reason rows were left out, with the first row numbers.
struct DroppedRows {
    std::string reason;
    std::int64_t count = 0;
    std::vector<std::int64_t> rows;
};

/// Counts over the whole file, tokenised with the job's model.
struct DataSummary {
    std::string format;  ///< recognised: "messages", ...
    std::int64_t rows = 0;
    std::int64_t trainRows = 0;
    std::int64_t validationRows = 0;
    std::int64_t cutRows = 0;
    std::int64_t tokens = 0;
    std::int64_t supervisedTokens = 0;
    std::int64_t longest = 0;
    double packingEfficiency = 0;  ///< used slots / planned slots
    std::vector<std::int64_t> lengths;  ///< tokens per kept row, before cutting
    std::vector<DroppedRows> dropped;
    std::vector<PreviewRow> preview;
    std::string layout;  ///< as in DataInfo
};

/// Reads, renders, tokenises and counts. Blocks; call from a worker. @throws Error{BadInput} with file and row.
[[nodiscard]] DataSummary summariseData(const Job& job, std::size_t previewRows, const std::stop_token& stop, const ProgressFn& progress);

/// Without a model: recognised format, rows, keys, problems.
struct DataInfo {
    std::string format;
    std::int64_t rows = 0;
    std::vector<std::string> keys;
    std::vector<std::string> problems;
    std::string layout;  ///< "JSON Lines", "table with semicolons, gzip", ...
};
[[nodiscard]] DataInfo inspectData(const std::filesystem::path& path, const std::string& format, const std::stop_token& stop, const ProgressFn& progress);

}  // namespace lorikeet::api
