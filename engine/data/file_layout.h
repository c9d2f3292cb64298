// SPDX-License-Identifier: GPL-3.0-or-later
// What a data file is by its name: how rows lie in it, and how it is compressed.
#pragma once

#include "engine/data/byte_source.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace lorikeet::data {

/// How rows lie in the file. A JSON file that begins with '[' is a list whatever its extension says; a .csv file has the separator that its
/// header shows.
enum class FileLayout : std::uint8_t { JsonLines, JsonList, TextLines, CommaTable, SemicolonTable, TabTable };

/// "JSON Lines", "JSON list", "text lines", "table with commas", "table with semicolons", "table with tabs".
[[nodiscard]] std::string_view nameOf(FileLayout layout) noexcept;

/// The character between cells; '\0' when the layout is no table.
[[nodiscard]] char separatorOf(FileLayout layout) noexcept;

struct FileKind {
    FileLayout layout = FileLayout::JsonLines;
    Compression compression = Compression::None;
};

/// "JSON list", "table with semicolons, gzip".
[[nodiscard]] std::string describe(const FileKind& kind);

/// By the endings (data_file_names.h) of the name, in upper or lower case. @throws Error{BadInput} for any other name.
[[nodiscard]] FileKind fileKindByName(const std::filesystem::path& path);

/// The separator of a .csv file by its first line that is not blank: whichever of comma, semicolon and tab stands there most often outside
/// quotes, a comma when in doubt.
[[nodiscard]] FileLayout tableLayoutByHeader(std::string_view text) noexcept;

}  // namespace lorikeet::data
