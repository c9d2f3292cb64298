// SPDX-License-Identifier: GPL-3.0-or-later
// Runs of ordinary bytes are taken from the block at once; only quotes, separators and line breaks are looked at one by one.
#include "engine/data/table_record.h"

#include "engine/data/reader.h"

#include <algorithm>

namespace lorikeet::data {

void TableParser::append(std::string_view part)
{
    m_bytes += part.size();
    if (!m_tooLong && m_bytes > kMaxRowBytes) {
        m_tooLong = true;
        m_record->problem = "the row is longer than 64 MiB";
        if (m_quoteLine > 0)
            m_record->problem += " (is the quote that opens on line " + std::to_string(m_quoteLine) + " closed?)";
        m_record->cells.clear();
        m_cell = nullptr;
    }
    if (m_cell)
        m_cell->append(part);
}

/// Inside a quoted cell, behind its opening quote.
void TableParser::readQuoted()
{
    m_quoteLine = m_line;
    for (std::string_view rest = m_stream.peek(ByteStream::kBlockBytes);; rest = m_stream.peek(ByteStream::kBlockBytes)) {
        if (rest.empty()) {
            m_record->problem = "the quote that opens on line " + std::to_string(m_quoteLine) + " is never closed (was the file cut off?)";
            break;
        }
        const auto quote = rest.find('"');
        const std::string_view part = rest.substr(0, quote);
        m_line += std::ranges::count(part, '\n');
        append(part);
        m_stream.skip(part.size());
        if (quote == std::string_view::npos)
            continue;
        const bool doubled = m_stream.peek(2) == "\"\"";
        m_stream.skip(doubled ? 2 : 1);
        if (!doubled)
            break;
        append("\"");
    }
    m_quoteLine = 0;
}

/// Takes what stands before the next separator or line break.
void TableParser::appendPlain()
{
    for (std::string_view rest = m_stream.peek(ByteStream::kBlockBytes); !rest.empty(); rest = m_stream.peek(ByteStream::kBlockBytes)) {
        const auto end = std::ranges::find_if(rest, [this](char c) { return c == m_separator || c == '\n' || c == '\r'; });
        const auto count = static_cast<std::size_t>(end - rest.begin());
        append(rest.substr(0, count));
        m_stream.skip(count);
        if (count < rest.size())
            return;
    }
}

/// Takes a separator (true), or the line break or end of the file that ends the record.
bool TableParser::endCell()
{
    const std::string_view next = m_stream.peek(2);
    if (next.empty())
        return false;
    if (next[0] == m_separator) {
        m_stream.skip(1);
        return true;
    }
    m_stream.skip(next == "\r\n" ? 2 : 1);
    ++m_line;
    return false;
}

bool TableParser::readCell()
{
    if (m_stream.peek(1) == "\"") {
        m_record->quoted = true;
        m_stream.skip(1);
        readQuoted();
        const std::string_view next = m_stream.peek(1);
        if (!next.empty() && next[0] != m_separator && next[0] != '\n' && next[0] != '\r' && m_record->problem.empty())
            m_record->problem = "line " + std::to_string(m_line) + ": there is text behind the closing quote of cell "
                                + std::to_string(m_record->cellCount) + " (a quote inside a quoted cell is written twice)";
    }
    appendPlain();
    return endCell();
}

bool TableParser::read(TableRecord& record, std::size_t keep)
{
    if (m_stream.peek(1).empty())
        return false;
    record = {};
    record.line = m_line;
    m_record = &record;
    m_bytes = 0;
    m_tooLong = false;
    bool more = true;
    while (more) {
        m_cell = nullptr;
        if (!m_tooLong && record.cellCount < keep)
            m_cell = &record.cells.emplace_back();
        ++record.cellCount;
        more = readCell();
    }
    m_record = nullptr;
    m_cell = nullptr;
    return true;
}

}  // namespace lorikeet::data
