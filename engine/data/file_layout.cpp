// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/data/file_layout.h"

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/spec/data_file_names.h"

#include <algorithm>
#include <array>
#include <utility>

namespace lorikeet::data {

namespace {

FileLayout layoutOf(std::string_view ending) noexcept
{
    if (ending == ".csv")
        return FileLayout::CommaTable;
    if (ending == ".tsv")
        return FileLayout::TabTable;
    return ending == ".txt" ? FileLayout::TextLines : FileLayout::JsonLines;
}

std::string lowered(std::string text)
{
    std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return text;
}

}  // namespace

std::string_view nameOf(FileLayout layout) noexcept
{
    switch (layout) {
    case FileLayout::JsonLines: return "JSON Lines";
    case FileLayout::JsonList: return "JSON list";
    case FileLayout::TextLines: return "text lines";
    case FileLayout::CommaTable: return "table with commas";
    case FileLayout::SemicolonTable: return "table with semicolons";
    case FileLayout::TabTable: return "table with tabs";
    }
    return "?";
}

char separatorOf(FileLayout layout) noexcept
{
    switch (layout) {
    case FileLayout::CommaTable: return ',';
    case FileLayout::SemicolonTable: return ';';
    case FileLayout::TabTable: return '\t';
    default: return '\0';
    }
}

std::string describe(const FileKind& kind)
{
    std::string text(nameOf(kind.layout));
    if (kind.compression != Compression::None)
        text += ", " + std::string(nameOf(kind.compression));
    return text;
}

FileKind fileKindByName(const std::filesystem::path& path)
{
    FileKind kind;
    std::filesystem::path name = path.filename();
    const std::string last = lowered(utf8(name.extension()));
    std::string behind;
    if (std::ranges::find(compressedEndings(), last) != compressedEndings().end()) {
        kind.compression = last == ".gz" ? Compression::Gzip : Compression::Zstd;
        behind = last;
        name = name.stem();
    }
    const std::string ending = lowered(utf8(name.extension()));
    if (std::ranges::find(rowFileEndings(), ending) != rowFileEndings().end()) {
        kind.layout = layoutOf(ending);
        return kind;
    }
    std::string found = "ends in " + ending + behind;
    if (ending.empty())
        found = behind.empty() ? "has no extension" : "has no extension in front of " + behind;
    throw Error{ErrorCode::BadInput,
                utf8(path) + " " + found + ": data files end in .jsonl, .ndjson, .json, .csv, .tsv or .txt, with .gz or .zst behind when they are compressed",
                "give the file the ending of what it is, or convert it to JSON Lines (one JSON object per line) or CSV"};
}

FileLayout tableLayoutByHeader(std::string_view text) noexcept
{
    text.remove_prefix(std::min(text.find_first_not_of(" \r\n\v\f"), text.size()));
    constexpr std::array kTables{FileLayout::CommaTable, FileLayout::SemicolonTable, FileLayout::TabTable};
    std::array<std::size_t, kTables.size()> counts{};
    bool quoted = false;
    for (const char c : text) {
        if (c == '"')
            quoted = !quoted;
        if (quoted)
            continue;
        if (c == '\n' || c == '\r')
            break;
        for (std::size_t i = 0; i < kTables.size(); ++i)
            counts[i] += c == separatorOf(kTables[i]);
    }
    return kTables[static_cast<std::size_t>(std::ranges::max_element(counts) - counts.begin())];
}

}  // namespace lorikeet::data
