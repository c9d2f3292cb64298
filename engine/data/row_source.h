// SPDX-License-Identifier: GPL-3.0-or-later
// The rows of a file together with their format: the first rows are read ahead until the format is known, then given out again.
#pragma once

#include "engine/data/reader.h"
#include "engine/data/recognise.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lorikeet::data {

class RowSource {
public:
    /// `format` is the word of data.format. @throws Error{BadInput} as RowReader.
    RowSource(const std::filesystem::path& path, const std::string& format);

    /// Forced or recognised; nothing when the first rows have no known format.
    [[nodiscard]] std::optional<RowFormat> format() const noexcept { return m_format; }
    /// format(). @throws Error{BadInput} when the file has no rows, when its first row is broken, or with the keys found.
    [[nodiscard]] RowFormat requireFormat() const;
    /// Why there is no format, for people; empty when there is one.
    [[nodiscard]] std::string formatProblem() const;

    [[nodiscard]] std::optional<Row> next();
    [[nodiscard]] const RowReader& reader() const noexcept { return m_reader; }

private:
    std::filesystem::path m_path;
    RowReader m_reader;
    std::optional<RowFormat> m_format;
    std::vector<Row> m_ahead;
    std::size_t m_given = 0;
};

}  // namespace lorikeet::data
