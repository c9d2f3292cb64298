// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/lora/peft_modules.h"

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/formats/half_floats.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <span>

namespace lorikeet::lora {

namespace {

constexpr std::int64_t kPieceElements = 1 << 20;
constexpr const char* kTensorFile = "adapter_model.safetensors";

bool isLinear(ParamKind kind) { return kind == ParamKind::LinearWeight || kind == ParamKind::LinearBias; }

/// The parameters of the model, and of a tied one the head besides: PEFT may have it as a copy of its own.
std::vector<ParamId> candidatesOf(const ModelShape& shape)
{
    std::vector<ParamId> ids = formats::parametersOf(shape);
    if (shape.tiedHead)
        ids.push_back(formats::headId());
    return ids;
}

void requireShape(const formats::SafetensorsFile& file, const formats::SafeTensor& tensor, ParamId id, const ModelShape& shape)
{
    const std::vector<std::int64_t> wanted = formats::fileShapeOf(id, shape);
    if (std::equal(tensor.shape.begin(), tensor.shape.end(), wanted.begin(), wanted.end(),
                   [](std::uint64_t found, std::int64_t expected) { return found == static_cast<std::uint64_t>(expected); }))
        return;
    const auto text = [](const auto& dims) {
        std::string joined;
        for (const auto dim : dims)
            joined += (joined.empty() ? "" : " x ") + std::to_string(dim);
        return joined;
    };
    throw Error(ErrorCode::BadInput,
                utf8(file.path()) + ": tensor " + moduleNameOf(id) + " is " + text(tensor.shape) + ", this base model needs " + text(wanted),
                "use the base model the adapter was trained on, and the added tokens (recipe.added_tokens) it was trained with");
}

/// Elements [first, first + to.size()) of a tensor in fp32.
void readElements(const formats::SafetensorsFile& file, const formats::SafeTensor& tensor, std::int64_t first, std::span<float> to)
{
    const auto begin = static_cast<std::uint64_t>(first);
    if (tensor.type == formats::SafeType::F32) {
        file.read(tensor, begin * sizeof(float), std::as_writable_bytes(to));
        return;
    }
    if (tensor.type != formats::SafeType::BF16 && tensor.type != formats::SafeType::F16)
        throw Error(ErrorCode::BadInput, utf8(file.path()) + ": a tensor is " + std::string(formats::nameOf(tensor.type)) + ", expected F32, BF16 or F16",
                    "save the adapter in one of these types");
    std::vector<std::uint16_t> halves(to.size());
    file.read(tensor, begin * sizeof(std::uint16_t), std::as_writable_bytes(std::span(halves)));
    for (std::size_t i = 0; i < halves.size(); ++i)
        to[i] = tensor.type == formats::SafeType::BF16 ? formats::fromBrain(halves[i]) : formats::fromHalf(halves[i]);
}

bool sameValues(const formats::SafetensorsFile& file, const formats::SafeTensor& a, const formats::SafeTensor& b, std::int64_t elements)
{
    std::vector<float> left(static_cast<std::size_t>(std::min(elements, kPieceElements)));
    std::vector<float> right(left.size());
    for (std::int64_t first = 0; first < elements; first += kPieceElements) {
        const auto count = static_cast<std::size_t>(std::min(kPieceElements, elements - first));
        readElements(file, a, first, std::span(left).first(count));
        readElements(file, b, first, std::span(right).first(count));
        if (!std::equal(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(count), right.begin()))
            return false;
    }
    return true;
}

}  // namespace

std::string moduleNameOf(ParamId id) { return "base_model.model." + formats::hfNameOf(id); }

std::vector<std::string> moduleNamesOf(ParamId id, bool tiedHead)
{
    std::vector<std::string> names{moduleNameOf(id)};
    if (tiedHead && id.kind == ParamKind::Embedding)
        names.push_back(moduleNameOf(formats::headId()));
    return names;
}

std::size_t moduleTensors(const formats::SafetensorsFile& file, const ModelShape& shape)
{
    std::size_t count = 0;
    for (const ParamId id : candidatesOf(shape)) {
        if (!file.find(moduleNameOf(id)))
            continue;
        if (isLinear(id.kind))
            throw Error(ErrorCode::BadInput, utf8(file.path()) + " brings " + formats::hfNameOf(id) + " whole, only embeddings, head and norms can be",
                        "merge the adapter into its base model with PEFT first");
        ++count;
        // Where the vocabulary was resized PEFT saves its tables twice more (save_embedding_layers): from inside the wrapper, and as they were.
        const std::string table = moduleNameOf(id).substr(0, moduleNameOf(id).rfind('.'));
        for (const char* copy : {".modules_to_save.weight", ".original_module.weight"})
            count += file.find(table + copy) ? 1 : 0;
    }
    return count;
}

WholeModules findModules(const std::filesystem::path& folder, const ModelShape& shape)
{
    const formats::SafetensorsFile file(folder / kTensorFile);
    WholeModules whole;
    for (const ParamId id : candidatesOf(shape)) {
        const formats::SafeTensor* tensor = file.find(moduleNameOf(id));
        if (!tensor)
            continue;
        requireShape(file, *tensor, id, shape);
        whole.ids.push_back(id);
    }
    std::ranges::sort(whole.ids);
    if (!shape.tiedHead)
        return whole;
    const formats::SafeTensor* table = file.find(moduleNameOf(formats::embeddingId()));
    const formats::SafeTensor* head = file.find(moduleNameOf(formats::headId()));
    whole.apart = (table || head) && !(table && head && sameValues(file, *table, *head, formats::elementCountOf(formats::embeddingId(), shape)));
    if (!whole.apart)
        std::erase(whole.ids, formats::headId());
    return whole;
}

formats::ReadParameter moduleReader(const std::filesystem::path& folder, const ModelShape& shape)
{
    return [file = std::make_shared<const formats::SafetensorsFile>(folder / kTensorFile), shape](ParamId id, std::int64_t first, std::int64_t,
                                                                                                 std::span<float> rows) {
        const formats::SafeTensor* tensor = file->find(moduleNameOf(id));
        LORIKEET_CHECK(tensor != nullptr, "no tensor " + moduleNameOf(id));
        readElements(*file, *tensor, first * formats::shapeOf(id, shape)[1], rows);
    };
}

void describeModules(formats::PeftConfig& config, const std::vector<ParamId>& ids, bool tiedHead)
{
    for (const ParamId id : ids)
        for (const std::string& name : moduleNamesOf(id, tiedHead)) {
            // PEFT compares with the ends of module paths.
            const std::string path = name.substr(0, name.rfind('.'));
            const std::string word = path.substr(path.rfind('.') + 1);
            if (std::ranges::find(config.modulesToSave, word) == config.modulesToSave.end())
                config.modulesToSave.push_back(word);
        }
    config.ensureWeightTying = tiedHead && std::ranges::find(ids, formats::embeddingId()) != ids.end();
}

void readInPieces(const formats::ReadParameter& read, ParamId id, const ModelShape& shape, const std::function<void(std::span<const float>)>& piece)
{
    const auto [rows, columns] = formats::shapeOf(id, shape);
    const std::int64_t atOnce = std::min(rows, std::max<std::int64_t>(1, kPieceElements / columns));
    std::vector<float> values(static_cast<std::size_t>(atOnce * columns));
    for (std::int64_t row = 0; row < rows; row += atOnce) {
        const std::int64_t count = std::min(atOnce, rows - row);
        const std::span<float> part = std::span(values).first(static_cast<std::size_t>(count * columns));
        read(id, row, count, part);
        piece(part);
    }
}

}  // namespace lorikeet::lora
