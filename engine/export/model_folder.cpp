// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/export/model_folder.h"

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/formats/hf_config_writer.h"
#include "engine/formats/safetensors_writer.h"
#include "engine/generate/model_text.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/op_table.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

namespace lorikeet::exporting {

namespace {

constexpr const char* kWeights = "model.safetensors";
constexpr std::int64_t kPieceElements = 1 << 20;
constexpr std::size_t kLargestConfig = 1 << 24;

/// Calls piece(first row, bytes in the file's type) for the whole parameter.
template <typename Piece>
void inPieces(const ModelContent& content, ParamId id, const std::stop_token& stop, const Piece& piece)
{
    const auto [rows, cols] = formats::shapeOf(id, content.source->shape());
    const std::int64_t atOnce = std::min(rows, std::max<std::int64_t>(1, kPieceElements / cols));
    std::vector<float> values(static_cast<std::size_t>(atOnce * cols));
    std::vector<std::byte> converted(values.size() * bytesOf(content.dtype));
    kernels::Context cpu;
    cpu.ops = &kernels::cpuOps();
    for (std::int64_t row = 0; row < rows; row += atOnce) {
        throwIfStopped(stop);
        const std::int64_t count = std::min(atOnce, rows - row);
        const tensor::Mat from{values.data(), DType::F32, count, cols};
        const tensor::Mat to{converted.data(), content.dtype, count, cols};
        content.read(id, row, count, std::span(values).first(static_cast<std::size_t>(from.elements())));
        kernels::convert(cpu, {to, from, 1.0});
        piece(row * cols, std::span<const std::byte>(converted).first(to.bytes()));
    }
}

void writeWeights(const std::filesystem::path& path, const ModelContent& content, const std::stop_token& stop, const ProgressFn& progress)
{
    const std::vector<ParamId> ids = formats::parametersOf(content.source->shape());
    std::map<std::string, ParamId> byName;
    std::vector<formats::SafeEntry> entries;
    for (const ParamId id : ids) {
        const std::vector<std::int64_t> shape = formats::fileShapeOf(id, content.source->shape());
        byName.emplace(formats::hfNameOf(id), id);
        entries.push_back({formats::hfNameOf(id), formats::safeTypeOf(content.dtype), {shape.begin(), shape.end()}});
    }
    std::size_t done = 0;
    formats::writeSafetensors(path, std::move(entries), [&](const formats::SafeEntry& entry, const formats::AppendBytes& append) {
        inPieces(content, byName.at(entry.name), stop, [&](std::int64_t, std::span<const std::byte> bytes) { append(bytes); });
        if (progress)
            progress({"writing weights", ++done, ids.size(), "tensors"});
    });
}

std::size_t verifyWeights(const std::filesystem::path& path, const ModelContent& content, const std::stop_token& stop)
{
    const formats::SafetensorsFile file(path);
    for (const ParamId id : formats::parametersOf(content.source->shape())) {
        const std::string name = formats::hfNameOf(id);
        std::vector<std::byte> found;
        inPieces(content, id, stop, [&](std::int64_t first, std::span<const std::byte> bytes) {
            found.resize(bytes.size());
            file.read(name, static_cast<std::uint64_t>(first) * bytesOf(content.dtype), found);
            LORIKEET_CHECK(std::equal(found.begin(), found.end(), bytes.begin(), bytes.end()), name + " reads back differently");
        });
    }
    return file.tensors().size();
}

/// The base's own configuration with the type of the new weights, or one made from the shape.
std::string configOf(const ModelContent& content)
{
    const formats::ModelSource& source = *content.source;
    if (source.format() == "gguf") {
        const generate::ModelText text = generate::loadModelText(source);
        const std::vector<tokenizer::TokenId> stops = text.tokenizer->stopIds();
        return formats::hfConfigOf(source.shape(), content.dtype, text.tokenizer->bos(), stops.empty() ? std::nullopt : std::optional<std::int64_t>(stops.front()));
    }
    nlohmann::ordered_json config = nlohmann::ordered_json::parse(readTextFile(source.path() / "config.json", kLargestConfig));
    config[config.contains("dtype") ? "dtype" : "torch_dtype"] = formats::torchNameOf(content.dtype);
    config.erase("quantization_config");
    if (source.shape().addedRows > 0)
        config["vocab_size"] = source.shape().vocab;
    return config.dump(2) + "\n";
}

}  // namespace

WrittenFolder writeModelFolder(const std::filesystem::path& target, bool replaceExisting, const ModelContent& content, const std::stop_token& stop,
                               const ProgressFn& progress, const FolderCheck& check)
{
    throwIfStopped(stop);
    AtomicFolder folder(target, replaceExisting);
    writeFileAtomically(folder.staging() / "config.json", configOf(content));
    generate::writeTokenizerFiles(*content.source, folder.staging());
    writeWeights(folder.staging() / kWeights, content, stop, progress);

    return putInPlace(folder, kWeights, verifyWeights(folder.staging() / kWeights, content, stop), stop, check);
}

}  // namespace lorikeet::exporting
