// SPDX-License-Identifier: GPL-3.0-or-later
// Looking at a data file before anything runs: what it is (no model needed), and its first rows as the model will see them.
#pragma once

#include "engine/base/progress.h"
#include "engine/data/report.h"
#include "engine/spec/job.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace lorikeet::data {

/// A data file without a tokenizer.
struct DataInspection {
    std::string path;
    FileKind kind;
    std::uint64_t bytes = 0;          ///< of the file as it is
    std::optional<RowFormat> format;  ///< forced or recognised
    std::string formatProblem;        ///< why there is none, with the keys found
    std::int64_t rows = 0;            ///< broken ones counted, blank lines not
    std::int64_t blankLines = 0;
    std::vector<std::pair<std::string, std::int64_t>> keys;  ///< keys of the rows and in how many rows they are, by first appearance
    std::int64_t unreadableRows = 0;  ///< training refuses the file while there are any
    std::int64_t unusableRows = 0;    ///< readable, but empty or not in the format: training leaves them out
    std::vector<RowProblem> problems; ///< the first kShownProblems of both kinds
    std::vector<nlohmann::ordered_json> firstRows;  ///< a few, as they stand in the file
};

/// Reads the whole file; nothing a row says throws. `format` is the word of data.format.
/// @throws Error{BadInput} when the file cannot be opened or is of an unknown kind, Error{Cancelled}.
[[nodiscard]] DataInspection inspectDataset(const std::filesystem::path& path, const std::string& format = "auto", const ProgressFn& progress = {},
                                            const std::stop_token& stop = {});

/// One token as it is shown.
struct PreviewToken {
    tokenizer::TokenId id = 0;
    std::string text;      ///< the bytes it stands for, valid UTF-8; a token that is part of a character shows the piece of the vocabulary
    bool trained = false;  ///< the model learns to predict it
    bool cut = false;      ///< lies behind the context and will be cut off or moved to the next piece
};

/// One row as the model will see it, or why it will not.
struct PreviewRow {
    std::int64_t row = 0;
    std::vector<PreviewToken> tokens;
    std::int64_t trained = 0;        ///< trained tokens inside the context
    std::optional<DropReason> dropped;
    std::string problem;             ///< with `dropped`
};

/// The first `count` rows after `skip` of them. Needs no run and changes nothing. @throws Error{BadInput} for the file as a whole (unknown
/// format, no rows, ...), never for one row; Error{Cancelled}.
[[nodiscard]] std::vector<PreviewRow> previewDataset(const Job& job, const tokenizer::Tokenizer& tokenizer,
                                                     const tokenizer::ChatTemplate* chatTemplate, std::int64_t count, std::int64_t skip = 0,
                                                     const std::stop_token& stop = {});

}  // namespace lorikeet::data
