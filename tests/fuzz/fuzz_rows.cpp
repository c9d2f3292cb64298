// SPDX-License-Identifier: GPL-3.0-or-later
// Data files: rows of any bytes, and their format.
#include "engine/data/reader.h"
#include "engine/data/recognise.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const lorikeet::fuzz::ScratchFolder folder;
    const auto path = folder.write("rows.jsonl", lorikeet::fuzz::textOf(data, size));
    lorikeet::fuzz::answerOrRefuse([&] {
        lorikeet::data::RowReader reader(path);
        while (const auto row = reader.next()) {
            if (row->problem.empty()) {
                (void)lorikeet::data::formatOf(row->value);
            }
        }
    });
    return 0;
}
