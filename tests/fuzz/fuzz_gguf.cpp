// SPDX-License-Identifier: GPL-3.0-or-later
// GGUF files: directory, metadata, configuration, tokenizer, and the values of every tensor.
#include "engine/formats/gguf_reader.h"
#include "engine/formats/model_source.h"
#include "tests/fuzz/fuzz_input.h"

#include <algorithm>

namespace {

constexpr std::int64_t kMaxElements = 1 << 16;

void readFirstRows(const lorikeet::formats::ModelSource& source)
{
    for (const lorikeet::formats::ParamId id : lorikeet::formats::parametersOf(source.shape())) {
        const auto [rows, columns] = lorikeet::formats::shapeOf(id, source.shape());
        if (columns > kMaxElements) {
            continue;
        }
        const std::int64_t some = std::min<std::int64_t>(rows, std::max<std::int64_t>(1, kMaxElements / columns));
        std::vector<float> values(static_cast<std::size_t>(some * columns));
        source.readRows(id, 0, some, values);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const lorikeet::fuzz::ScratchFolder folder;
    const auto path = folder.write("model.gguf", lorikeet::fuzz::textOf(data, size));
    lorikeet::fuzz::answerOrRefuse([&] { const lorikeet::formats::GgufFile file(path); });
    lorikeet::fuzz::answerOrRefuse([&] { readFirstRows(*lorikeet::formats::openModelSource(path)); });
    return 0;
}
