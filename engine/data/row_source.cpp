// SPDX-License-Identifier: GPL-3.0-or-later
// Reads ahead as far as the format needs.
#include "engine/data/row_source.h"

#include "engine/base/files.h"

#include <utility>

namespace lorikeet::data {

namespace {

std::vector<nlohmann::ordered_json> readableValues(const std::vector<Row>& rows)
{
    std::vector<nlohmann::ordered_json> values;
    for (const Row& row : rows)
        if (row.problem.empty())
            values.push_back(row.value);
    return values;
}

}  // namespace

RowSource::RowSource(const std::filesystem::path& path, const std::string& format) : m_path(path), m_reader(path), m_format(formatFromName(format))
{
    // At least one row is read ahead, so that an empty file is known as such; with huge rows not many are kept.
    constexpr std::uint64_t kAheadBytes = 64ULL << 20;
    while (m_ahead.size() < (m_format ? 1 : kRowsToRecognise) && m_reader.textBytesRead() < kAheadBytes) {
        auto row = m_reader.next();
        if (!row)
            break;
        m_ahead.push_back(std::move(*row));
    }
    if (!m_format)
        m_format = recogniseFormat(readableValues(m_ahead));
}

std::string RowSource::formatProblem() const
{
    if (m_format && !m_ahead.empty())
        return {};
    if (m_ahead.empty())
        return "the file has no rows";
    if (const auto values = readableValues(m_ahead); !values.empty())
        return "the format of the rows is not recognised; " + describeUnrecognised(values);
    return "row " + std::to_string(m_ahead.front().number) + ": " + m_ahead.front().problem;
}

RowFormat RowSource::requireFormat() const
{
    if (const std::string problem = formatProblem(); !problem.empty()) {
        if (!m_ahead.empty() && !m_ahead.front().problem.empty())
            throw rowError(m_path, {m_ahead.front().number, m_ahead.front().problem});
        throw Error{ErrorCode::BadInput, utf8(m_path) + ": " + problem,
                    m_ahead.empty() ? "choose a file with at least one row" : "rename the keys, or say which format it is with data.format"};
    }
    return *m_format;
}

std::optional<Row> RowSource::next()
{
    if (m_given < m_ahead.size())
        return std::move(m_ahead[m_given++]);
    return m_reader.next();
}

}  // namespace lorikeet::data
