// SPDX-License-Identifier: GPL-3.0-or-later
// A table as rows: the header names the columns, each record below it becomes one object of texts in the order of the file. Cells stay as
// they stand; only a list of messages that a column of that name holds as JSON text is read as the list it is.
#pragma once

#include "engine/data/reader.h"
#include "engine/data/table_record.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lorikeet::data {

/// Columns of a table, at most.
inline constexpr std::size_t kMaxColumns = 16384;

/// Not thread-safe.
class TableReader {
public:
    /// Reads the header. `name` is the file's, for messages. @throws Error{BadInput} when a column has no name or that of another one, or when
    /// the header cannot be read.
    TableReader(ByteStream& stream, std::string name, FileLayout layout);

    /// The next row, numbered from 1 behind the header; its problems name the line too. An empty line is no row (nor, with several columns, a
    /// line of blanks).
    [[nodiscard]] std::optional<Row> next();
    [[nodiscard]] std::int64_t blankLines() const noexcept { return m_blankLines; }

private:
    void readHeader(const TableRecord& header);
    bool isBlank(const TableRecord& record) const;
    std::string problemOf(const TableRecord& record) const;
    nlohmann::ordered_json valueOf(TableRecord& record) const;

    TableParser m_parser;
    std::string m_name;
    FileLayout m_layout;
    std::vector<std::string> m_columns;
    std::vector<bool> m_mayHoldMessages;  ///< by column
    std::int64_t m_rows = 0;
    std::int64_t m_blankLines = 0;
};

}  // namespace lorikeet::data
