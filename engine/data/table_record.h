// SPDX-License-Identifier: GPL-3.0-or-later
// A CSV or TSV file as records of cells (RFC 4180): quoted cells with separators, line breaks and doubled quotes inside. Rows end with
// LF, CRLF or CR. As in Python's csv module a quote that does not begin a cell is an ordinary character.
#pragma once

#include "engine/data/byte_stream.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet::data {

struct TableRecord {
    std::vector<std::string> cells;  ///< as many as the caller wants kept, unquoted
    std::size_t cellCount = 0;       ///< of all of them
    std::int64_t line = 0;           ///< where the record begins
    bool quoted = false;             ///< one of the cells has quotes
    std::string problem;             ///< what is wrong with it as text: a quote without end, text behind a quote, too long
};

/// Reads records one after the other. Not thread-safe.
class TableParser {
public:
    TableParser(ByteStream& stream, char separator) : m_stream(stream), m_separator(separator) {}

    /// The next record with its first `keep` cells; false at the end. A line break alone is a record of one empty cell.
    bool read(TableRecord& record, std::size_t keep);

private:
    bool readCell();
    void readQuoted();
    void appendPlain();
    bool endCell();
    void append(std::string_view part);

    ByteStream& m_stream;
    char m_separator;
    std::int64_t m_line = 1;
    // Of the record that is being read:
    TableRecord* m_record = nullptr;
    std::string* m_cell = nullptr;  ///< null for a cell that is not kept
    std::uint64_t m_bytes = 0;
    std::int64_t m_quoteLine = 0;   ///< of the quoted cell being read, 0 outside
    bool m_tooLong = false;
};

}  // namespace lorikeet::data
