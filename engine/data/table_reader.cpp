// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/data/table_reader.h"

#include "engine/data/json_row.h"
#include "engine/data/messages.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

namespace lorikeet::data {

namespace {

using Json = nlohmann::ordered_json;

/// Columns that other formats have lists in (recognise.h).
constexpr std::array<std::string_view, 6> kMessageColumns{"messages", "conversations", "conversation", "prompt", "completion", "history"};

/// A list of messages, or the pairs of a history.
bool isMessageList(const Json& value)
{
    return value.is_array() && !value.empty() && (value.front().is_object() || value.front().is_array());
}

std::string cells(std::size_t count)
{
    return std::to_string(count) + (count == 1 ? " cell" : " cells");
}

}  // namespace

TableReader::TableReader(ByteStream& stream, std::string name, FileLayout layout)
    : m_parser(stream, separatorOf(layout)), m_name(std::move(name)), m_layout(layout)
{
    TableRecord header;
    while (m_parser.read(header, kMaxColumns)) {
        if (isBlank(header)) {
            ++m_blankLines;
            continue;
        }
        readHeader(header);
        return;
    }
}

void TableReader::readHeader(const TableRecord& header)
{
    const auto refuse = [&](const std::string& what, const std::string& hint) {
        throw Error{ErrorCode::BadInput, m_name + ", line " + std::to_string(header.line) + " (the header, " + std::string(nameOf(m_layout)) + "): " + what, hint};
    };
    if (!header.problem.empty())
        refuse(header.problem, "the first line names the columns; quotes in it come in pairs");
    if (header.cellCount > kMaxColumns)
        refuse(std::to_string(header.cellCount) + " columns, at most " + std::to_string(kMaxColumns) + " are read", "leave out columns that are not trained on");
    std::unordered_map<std::string, std::size_t> seen;
    for (std::size_t i = 0; i < header.cells.size(); ++i) {
        const std::string& column = header.cells[i];
        const std::string place = "column " + std::to_string(i + 1);
        if (const std::string problem = describeInvalidUtf8(column); !problem.empty())
            refuse(place + ", " + problem, "save the file as UTF-8");
        if (isBlankText(column))
            refuse(place + " has no name", "the first line names every column (pandas writes its row numbers without a name: to_csv(..., index=False))");
        const auto [other, isNew] = seen.try_emplace(column, i);
        if (!isNew)
            refuse("columns " + std::to_string(other->second + 1) + " and " + std::to_string(i + 1) + " are both named \"" + column + "\"",
                   "rename or remove one of them");
        m_mayHoldMessages.push_back(std::ranges::find(kMessageColumns, column) != kMessageColumns.end());
    }
    m_columns = header.cells;
}

bool TableReader::isBlank(const TableRecord& record) const
{
    if (record.cellCount != 1 || record.quoted || !record.problem.empty())
        return false;
    return m_columns.size() == 1 ? record.cells.front().empty() : isBlankText(record.cells.front());
}

std::string TableReader::problemOf(const TableRecord& record) const
{
    const std::string place = "line " + std::to_string(record.line);
    if (!record.problem.empty())
        return record.problem.starts_with("line ") ? record.problem : place + ": " + record.problem;
    if (record.cellCount != m_columns.size()) {
        std::string text = place + ": " + cells(record.cellCount) + ", the header has " + std::to_string(m_columns.size());
        if (record.cellCount > m_columns.size())
            text += " (a cell that holds the separator needs quotes)";
        return text;
    }
    for (std::size_t i = 0; i < record.cells.size(); ++i)
        if (const std::string problem = describeInvalidUtf8(record.cells[i]); !problem.empty())
            return place + ", column \"" + m_columns[i] + "\", " + problem;
    return {};
}

Json TableReader::valueOf(TableRecord& record) const
{
    Json value = Json::object();
    // The names are known to differ, so the search of emplace() is left out.
    auto& object = value.get_ref<Json::object_t&>();
    object.reserve(m_columns.size());
    for (std::size_t i = 0; i < m_columns.size(); ++i) {
        Json cell = std::move(record.cells[i]);
        if (m_mayHoldMessages[i])
            if (Json decoded = decodeJsonText(cell); isMessageList(decoded))
                cell = std::move(decoded);
        object.emplace_back(m_columns[i], std::move(cell));
    }
    return value;
}

std::optional<Row> TableReader::next()
{
    TableRecord record;
    do {
        if (!m_parser.read(record, m_columns.size()))
            return std::nullopt;
        m_blankLines += isBlank(record);
    } while (isBlank(record));
    ++m_rows;
    if (std::string problem = problemOf(record); !problem.empty())
        return Row{m_rows, nullptr, std::move(problem)};
    return Row{m_rows, valueOf(record), {}};
}

}  // namespace lorikeet::data
