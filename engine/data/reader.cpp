// SPDX-License-Identifier: GPL-3.0-or-later
// Lines are cut at '\n'; elements of a list are cut by following strings and brackets, so that one broken element does not lose
// the others.
#include "engine/data/reader.h"

#include "engine/base/files.h"
#include "engine/data/byte_stream.h"
#include "engine/data/json_row.h"
#include "engine/data/table_reader.h"

#include <algorithm>
#include <array>

namespace lorikeet::data {

namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f";

bool isBlank(std::string_view text) noexcept
{
    return text.find_first_not_of(kBlanks) == std::string_view::npos;
}

void refuseFolder(const std::filesystem::path& path)
{
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored))
        throw Error{ErrorCode::BadInput, utf8(path) + " is a folder, a data file was expected", "name the data file inside it"};
}

void refuseOtherEncodings(const std::filesystem::path& path, std::string_view head)
{
    if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF"))
        throw Error{ErrorCode::BadInput, utf8(path) + " is UTF-16 text, UTF-8 was expected", "save it as UTF-8"};
    if (const Compression found = compressionByMagic(head); found != Compression::None)
        throw Error{ErrorCode::BadInput, utf8(path) + " holds " + std::string(nameOf(found)) + " data, text was expected",
                    std::string("unpack it, or put ") + (found == Compression::Gzip ? ".gz" : ".zst") + " behind its name (once for each time it was packed)"};
}

/// First line of an object that is spread over several lines.
bool opensMultilineObject(std::string_view line) noexcept
{
    const auto last = line.find_last_not_of(kBlanks);
    return last != std::string_view::npos && std::string_view("{[,").find(line[last]) != std::string_view::npos;
}

}  // namespace

Error rowError(const std::filesystem::path& path, const RowProblem& problem)
{
    return {ErrorCode::BadInput, utf8(path) + ", row " + std::to_string(problem.row) + ": " + problem.message,
            "repair or delete that row; `inspect` lists every broken row of a file"};
}

struct RowReader::State {
    State(const std::filesystem::path& path, const FileKind& kind) : stream(path, kind.compression), layout(kind.layout) {}

    std::optional<Row> next();
    std::optional<Row> nextLine();
    std::optional<Row> nextElement();
    Row listProblem(const std::string& what);
    bool skipToElement(std::optional<Row>& problem);
    bool cutElement(std::string& text);
    void finishList(std::optional<Row>& problem);

    ByteStream stream;
    FileLayout layout;
    std::optional<TableReader> table;
    std::int64_t number = 0;  ///< of the row last given out (list) or line last read
    std::int64_t line = 1;    ///< where a list is being read
    std::int64_t blankLines = 0;
    bool afterElement = false;
    bool done = false;
};

RowReader::RowReader(const std::filesystem::path& path)
{
    refuseFolder(path);
    m_state = std::make_unique<State>(path, fileKindByName(path));
    ByteStream& stream = m_state->stream;
    const std::string_view head = stream.peek(4);
    refuseOtherEncodings(path, head);
    if (head.starts_with("\xEF\xBB\xBF"))
        stream.skip(3);
    if (m_state->layout == FileLayout::CommaTable)
        m_state->layout = tableLayoutByHeader(stream.peek(ByteStream::kBlockBytes));
    if (separatorOf(m_state->layout) != '\0')
        m_state->table.emplace(stream, utf8(path), m_state->layout);
    if (m_state->layout != FileLayout::JsonLines)
        return;
    // Blank lines in front are kept for the line count of JSON Lines; a list begins at its bracket.
    const std::string_view start = stream.peek(ByteStream::kBlockBytes);
    const auto first = start.find_first_not_of(kBlanks);
    if (first != std::string_view::npos && start[first] == '[') {
        m_state->layout = FileLayout::JsonList;
        m_state->line += std::ranges::count(start.substr(0, first), '\n');
        stream.skip(first + 1);
    }
}

RowReader::~RowReader() = default;

std::optional<Row> RowReader::next()
{
    if (m_state->done)
        return std::nullopt;
    const std::int64_t before = m_state->number;
    m_state->stream.beginRow();
    try {
        return m_state->next();
    } catch (const Error& error) {
        m_state->done = true;
        if (before == 0)
            throw;
        throw Error{error.code(), error.message() + " (rows up to " + std::to_string(before) + " were read)", error.hint()};
    }
}

std::optional<Row> RowReader::State::next()
{
    if (!table)
        return layout == FileLayout::JsonList ? nextElement() : nextLine();
    std::optional<Row> row = table->next();
    blankLines = table->blankLines();
    if (row)
        number = row->number;
    else
        done = true;
    return row;
}

FileKind RowReader::kind() const noexcept
{
    return {m_state->layout, m_state->stream.compression()};
}

std::int64_t RowReader::blankLines() const noexcept
{
    return m_state->blankLines;
}

std::uint64_t RowReader::bytesRead() const noexcept
{
    return m_state->stream.fileBytesTaken();
}

std::uint64_t RowReader::bytesTotal() const noexcept
{
    return m_state->stream.fileBytes();
}

std::uint64_t RowReader::textBytesRead() const noexcept
{
    return m_state->stream.position();
}

std::optional<Row> RowReader::State::nextLine()
{
    std::string text;
    for (;;) {
        const ByteStream::Line end = stream.readLine(text, kMaxRowBytes);
        if (end == ByteStream::Line::None) {
            done = true;
            return std::nullopt;
        }
        ++number;
        if (end == ByteStream::Line::TooLong)
            return Row{number, nullptr, "the row is longer than 64 MiB"};
        if (!text.empty() && text.back() == '\r')
            text.pop_back();
        if (isBlank(text)) {
            ++blankLines;
            continue;
        }
        if (layout == FileLayout::TextLines) {
            std::string problem = describeInvalidUtf8(text);
            if (problem.empty())
                return Row{number, std::move(text), {}};
            return Row{number, nullptr, std::move(problem)};
        }
        JsonRow parsed = parseJsonRow(text);
        if (!parsed.problem.empty() && number - blankLines == 1 && opensMultilineObject(text))
            parsed.problem += " (one object spread over several lines? a file holds one object per line, or one list of objects)";
        else if (!parsed.problem.empty() && end == ByteStream::Line::Unterminated)
            parsed.problem += " (this is the last line: was the file cut off?)";
        return Row{number, std::move(parsed.value), std::move(parsed.problem)};
    }
}

/// A problem after which the rest of a list cannot be found any more.
Row RowReader::State::listProblem(const std::string& what)
{
    done = true;
    return Row{number + 1, nullptr, "line " + std::to_string(line) + ": " + what};
}

/// Moves to the first byte of the next element. False at the end of the list or with a problem.
bool RowReader::State::skipToElement(std::optional<Row>& problem)
{
    bool comma = false;
    for (;;) {
        const std::string_view next = stream.peek(1);
        if (next.empty()) {
            problem = listProblem("the file ends before the list is closed by ]");
            return false;
        }
        const char c = next[0];
        if (kBlanks.find(c) != std::string_view::npos) {
            line += c == '\n';
        } else if (c == ',' && afterElement && !comma) {
            comma = true;
        } else if (c == ']' && !comma) {
            stream.skip(1);
            finishList(problem);
            return false;
        } else if (c == ']' || c == ',') {
            problem = listProblem(std::string("expected a row, found '") + c + "' (a comma too many?)");
            return false;
        } else if (afterElement && !comma) {
            problem = listProblem(std::string("expected , or ] between rows, found '") + c + "'");
            return false;
        } else {
            return true;
        }
        stream.skip(1);
    }
}

void RowReader::State::finishList(std::optional<Row>& problem)
{
    for (std::string_view next = stream.peek(1); !next.empty(); next = stream.peek(1)) {
        if (kBlanks.find(next[0]) == std::string_view::npos) {
            problem = listProblem("text after the end of the list");
            return;
        }
        line += next[0] == '\n';
        stream.skip(1);
    }
    done = true;
}

/// Takes the bytes of one element into `text`, as far as 64 MiB of them; false when the file ends inside it.
bool RowReader::State::cutElement(std::string& text)
{
    int depth = 0;
    bool inString = false;
    bool escaped = false;
    for (;;) {
        const std::string_view next = stream.peek(1);
        if (next.empty())
            return depth == 0 && !inString && !text.empty();
        const char c = next[0];
        if (depth == 0 && !inString && !text.empty() && (c == ',' || c == ']' || kBlanks.find(c) != std::string_view::npos))
            return true;
        if (text.size() <= kMaxRowBytes)
            text.push_back(c);
        stream.skip(1);
        line += c == '\n';
        if (inString) {
            inString = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if (c == '"') {
            inString = true;
        } else if (c == '{' || c == '[') {
            ++depth;
        } else if (c == '}' || c == ']') {
            if (--depth <= 0)
                return true;
        }
        if (depth == 0 && !inString && c == '"' && text.size() > 1)
            return true;
    }
}

std::optional<Row> RowReader::State::nextElement()
{
    std::optional<Row> problem;
    if (!skipToElement(problem))
        return problem;
    const std::int64_t firstLine = line;
    std::string text;
    if (!cutElement(text)) {
        line = firstLine;
        return listProblem("the file ends inside the row that begins here (was it cut off?)");
    }
    afterElement = true;
    ++number;
    if (text.size() > kMaxRowBytes)
        return Row{number, nullptr, "the row is longer than 64 MiB"};
    JsonRow parsed = parseJsonRow(text);
    if (!parsed.problem.empty())
        parsed.problem = "line " + std::to_string(firstLine) + ", " + parsed.problem;
    return Row{number, std::move(parsed.value), std::move(parsed.problem)};
}

}  // namespace lorikeet::data
