// SPDX-License-Identifier: GPL-3.0-or-later
// A data file as a stream of rows: .jsonl, .ndjson and .json (one JSON value per line, or one list), .csv and .tsv (a header and one object
// of texts per row), .txt (one row per line, as Hugging Face `datasets` reads it); each of them also compressed, .gz or .zst. Memory is one
// row and one block of the file, never the file.
#pragma once

#include "engine/base/error.h"
#include "engine/data/file_layout.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace lorikeet::data {

/// Longest row that is read. A longer one is a problem of that row, not of the program's memory.
inline constexpr std::uint64_t kMaxRowBytes = 64ULL << 20;

/// One row as it stands in the file.
struct Row {
    std::int64_t number = 0;      ///< from 1: the line (blank lines count), the element of a list, or the row of a table behind its header
    nlohmann::ordered_json value; ///< any JSON value; a string for text lines, an object for tables; null when there is a problem
    std::string problem;          ///< why the row cannot be read, with the byte inside the row; empty when it could
};

/// A row the caller may want to show.
struct RowProblem {
    std::int64_t row = 0;
    std::string message;

    bool operator==(const RowProblem&) const = default;
};

/// Error{BadInput} "file.jsonl, row 7: ..." with the hint to repair or delete that row.
[[nodiscard]] Error rowError(const std::filesystem::path& path, const RowProblem& problem);

/// Reads rows one after the other. Not thread-safe. A byte order mark, CRLF, blank lines and a missing last line break are fine.
class RowReader {
public:
    /// @throws Error{BadInput} when the file is missing, a folder, of an unknown kind (by extension: parquet ... are refused by name), UTF-16,
    /// compressed otherwise than its name says, or a table without a good header.
    explicit RowReader(const std::filesystem::path& path);
    ~RowReader();
    RowReader(const RowReader&) = delete;
    RowReader& operator=(const RowReader&) = delete;

    /// The next row that is not blank, or nothing at the end. A broken row comes back with `problem` set; reading goes on with the next line.
    /// In a list, broken punctuation between rows ends the stream after its problem. @throws Error{BadInput} when the file
    /// shrinks or vanishes while it is read, when compressed data are broken or cut off, and where no row ends within 256 MiB.
    [[nodiscard]] std::optional<Row> next();

    [[nodiscard]] FileKind kind() const noexcept;
    [[nodiscard]] std::int64_t blankLines() const noexcept;
    /// Of the file, as it lies on the disk: for progress.
    [[nodiscard]] std::uint64_t bytesRead() const noexcept;
    [[nodiscard]] std::uint64_t bytesTotal() const noexcept;
    /// Of the text, unpacked: for limits of memory.
    [[nodiscard]] std::uint64_t textBytesRead() const noexcept;

private:
    struct State;
    std::unique_ptr<State> m_state;
};

}  // namespace lorikeet::data
