// SPDX-License-Identifier: GPL-3.0-or-later
// Tables and compressed files of any bytes; the first byte says under which name. What is read of a table has the header's columns and is text.
#include "engine/data/json_row.h"
#include "engine/data/reader.h"
#include "tests/fuzz/fuzz_input.h"

#include <array>
#include <vector>

namespace {

constexpr std::array kNames{"rows.csv", "rows.tsv", "rows.csv.gz", "rows.csv.zst", "rows.jsonl.gz", "rows.jsonl.zst"};

/// The columns of the first row are those of all; text is UTF-8.
void checkRow(const lorikeet::data::Row& row, std::vector<std::string>& columns)
{
    std::vector<std::string> found;
    for (const auto& [name, cell] : row.value.items()) {
        found.push_back(name);
        if (lorikeet::data::findInvalidUtf8(name) || (cell.is_string() && lorikeet::data::findInvalidUtf8(cell.get_ref<const std::string&>())))
            std::abort();
    }
    if (columns.empty())
        columns = found;
    if (found.empty() || found != columns)
        std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const lorikeet::fuzz::ScratchFolder folder;
    if (size == 0)
        return 0;
    const auto path = folder.write(kNames[data[0] % kNames.size()], lorikeet::fuzz::textOf(data + 1, size - 1));
    lorikeet::fuzz::answerOrRefuse([&] {
        lorikeet::data::RowReader reader(path);
        const bool isTable = lorikeet::data::separatorOf(reader.kind().layout) != '\0';
        std::vector<std::string> columns;
        std::int64_t number = 0;
        while (const auto row = reader.next()) {
            if (row->number <= number)
                std::abort();
            number = row->number;
            if (isTable && row->problem.empty())
                checkRow(*row, columns);
        }
        if (isTable && reader.bytesRead() != reader.bytesTotal())
            std::abort();
    });
    return 0;
}
