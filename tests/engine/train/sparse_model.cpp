// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/engine/train/sparse_model.h"

#include "engine/base/files.h"
#include "engine/formats/hf_config_writer.h"
#include "engine/formats/parameters.h"
#include "engine/formats/safetensors_writer.h"

namespace lorikeet::test {

void writeSparseModel(const std::filesystem::path& folder, const ModelShape& shape, const std::filesystem::path& tokenizerFolder)
{
    makeFolders(folder);
    writeFileAtomically(folder / "config.json", formats::hfConfigOf(shape, shape.storage, {}, 257));
    std::vector<formats::SafeEntry> entries;
    std::uint64_t bytes = 0;
    for (const ParamId id : formats::parametersOf(shape)) {
        const std::vector<std::int64_t> dims = formats::fileShapeOf(id, shape);
        entries.push_back({formats::hfNameOf(id), formats::safeTypeOf(shape.storage), {dims.begin(), dims.end()}});
        bytes += formats::bytesOf(entries.back());
    }
    formats::sortForSafetensors(entries);
    const std::string header = formats::safetensorsHeader(entries, formats::defaultSafetensorsMetadata());
    writeFileAtomically(folder / "model.safetensors", header);
    std::filesystem::resize_file(folder / "model.safetensors", header.size() + bytes);
    for (const auto& entry : std::filesystem::directory_iterator(tokenizerFolder)) {
        const std::string name = utf8(entry.path().filename());
        if (name != "config.json" && name != "model.safetensors" && name != "generation_config.json")
            std::filesystem::create_symlink(entry.path(), folder / name);
    }
}

ModelShape miniShape()
{
    ModelShape shape;
    shape.family = "llama";
    shape.name = "mini";
    shape.layers = 4;
    shape.hidden = 256;
    shape.heads = 4;
    shape.kvHeads = 2;
    shape.headSize = 64;
    shape.mlp = 640;
    shape.vocab = 4096;
    shape.maxContext = 16384;
    shape.tiedHead = true;
    return shape;
}

}  // namespace lorikeet::test
