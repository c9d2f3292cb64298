// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/lora/peft_folder.h"

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/formats/half_floats.h"
#include "engine/formats/safetensors_reader.h"
#include "engine/formats/safetensors_writer.h"
#include "engine/lora/adapter.h"
#include "engine/spec/module_pattern.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

namespace lorikeet::lora {

namespace {

constexpr const char* kTensorFile = "adapter_model.safetensors";
constexpr const char* kConfigFile = "adapter_config.json";

std::filesystem::path tensorFile(const std::filesystem::path& folder)
{
    const auto path = folder / kTensorFile;
    if (!std::filesystem::exists(path) && std::filesystem::exists(folder / "adapter_model.bin"))
        throw Error(ErrorCode::BadInput, utf8(folder) + " holds its weights as adapter_model.bin, a pickle that can run code",
                    "save it again with PEFT's safe_serialization=True");
    return path;
}

/// The value of the first pattern that matches the module, else `otherwise`.
template <typename T>
T byPattern(const std::vector<std::pair<std::string, T>>& patterns, const std::string& module, T otherwise)
{
    for (const auto& [pattern, value] : patterns)
        if (ModulePattern(pattern).matchesEndOf(module))
            return value;
    return otherwise;
}

void requireShape(const formats::SafeTensor& tensor, std::int64_t rows, std::int64_t cols, const std::string& name, const std::string& where)
{
    const std::vector<std::uint64_t> wanted{static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(cols)};
    if (tensor.shape == wanted)
        return;
    std::string found;
    for (const std::uint64_t dim : tensor.shape)
        found += (found.empty() ? "" : " x ") + std::to_string(dim);
    throw Error(ErrorCode::BadInput,
                where + ": tensor " + name + " is " + found + ", this base model needs " + std::to_string(rows) + " x " + std::to_string(cols),
                "use the base model the adapter was trained on");
}

/// One slot of the file, or nothing when this map is not adapted.
bool findSlot(const formats::SafetensorsFile& file, const formats::PeftConfig& config, const ModelShape& shape, plan::AdapterSlot& slot)
{
    const std::string nameA = peftNameOf(slot, AdapterMatrix::A);
    const std::string nameB = peftNameOf(slot, AdapterMatrix::B);
    const formats::SafeTensor* a = file.find(nameA);
    const formats::SafeTensor* b = file.find(nameB);
    if (!a && !b)
        return false;
    const std::string where = utf8(file.path());
    if (!a || !b)
        throw Error(ErrorCode::BadInput, where + ": tensor " + (a ? nameB : nameA) + " is missing beside its partner", "the file is damaged: export it again");
    const LinearShape map = shapeOf(slot.linear, shape);
    slot.in = map.in;
    slot.out = map.out;
    slot.rank = a->shape.empty() ? 0 : static_cast<std::int64_t>(std::min<std::uint64_t>(a->shape.front(), 1u << 20));
    requireShape(*a, slot.rank, map.in, nameA, where);
    requireShape(*b, map.out, slot.rank, nameB, where);
    const std::string module = modulePathOf(slot);
    const std::int64_t stated = byPattern(config.rankPattern, module, config.rank);
    if (slot.rank < 1 || stated != slot.rank)
        throw Error(ErrorCode::BadInput, where + ": " + module + " has rank " + std::to_string(slot.rank) + ", " + kConfigFile + " says " + std::to_string(stated));
    slot.alpha = byPattern(config.alphaPattern, module, config.alpha);
    const auto rank = static_cast<double>(slot.rank);
    slot.scale = slot.alpha / (config.useRslora ? std::sqrt(rank) : rank);
    return true;
}

void readTensor(const formats::SafetensorsFile& file, const std::string& name, std::span<float> target)
{
    const formats::SafeTensor* tensor = file.find(name);
    LORIKEET_CHECK(tensor != nullptr, "no tensor " + name);
    if (tensor->type == formats::SafeType::F32) {
        file.read(*tensor, 0, std::as_writable_bytes(target));
        return;
    }
    if (tensor->type != formats::SafeType::BF16 && tensor->type != formats::SafeType::F16)
        throw Error(ErrorCode::BadInput, utf8(file.path()) + ": tensor " + name + " is " + std::string(formats::nameOf(tensor->type)) + ", expected F32, BF16 or F16");
    std::vector<std::uint16_t> halves(target.size());
    file.read(*tensor, 0, std::as_writable_bytes(std::span(halves)));
    for (std::size_t i = 0; i < halves.size(); ++i)
        target[i] = tensor->type == formats::SafeType::BF16 ? formats::fromBrain(halves[i]) : formats::fromHalf(halves[i]);
}

}  // namespace

std::vector<plan::AdapterSlot> readSlots(const std::filesystem::path& folder, const ModelShape& shape)
{
    const formats::PeftConfig config = formats::readPeftConfig(folder / kConfigFile);
    const formats::SafetensorsFile file(tensorFile(folder));
    std::vector<plan::AdapterSlot> slots;
    for (std::int32_t layer = 0; layer < shape.layers; ++layer) {
        for (const Linear linear : kLinears) {
            plan::AdapterSlot slot;
            slot.layer = layer;
            slot.linear = linear;
            if (findSlot(file, config, shape, slot))
                slots.push_back(slot);
        }
    }
    const std::size_t known = 2 * slots.size() + moduleTensors(file, shape);
    if (slots.empty() || known != file.tensors().size())
        throw Error(ErrorCode::BadInput,
                    utf8(file.path()) + " holds " + std::to_string(file.tensors().size()) + " tensors, " + std::to_string(known)
                        + " of which belong to the " + std::to_string(shape.layers) + " layers of this base model",
                    "use the base model the adapter was trained on");
    return slots;
}

void readWeights(const std::filesystem::path& folder, std::span<const plan::AdapterSlot> slots, std::span<float> flat)
{
    const formats::SafetensorsFile file(tensorFile(folder));
    std::fill(flat.begin(), flat.end(), 0.0f);
    for (const plan::AdapterSlot& slot : slots) {
        for (const AdapterMatrix matrix : {AdapterMatrix::A, AdapterMatrix::B}) {
            const std::string name = peftNameOf(slot, matrix);
            const formats::SafeTensor* tensor = file.find(name);
            const bool isA = matrix == AdapterMatrix::A;
            if (!tensor)
                throw Error(ErrorCode::BadInput, utf8(file.path()) + ": tensor " + name + " is missing", "choose the targets the adapter was trained with");
            requireShape(*tensor, isA ? slot.rank : slot.out, isA ? slot.in : slot.rank, name, utf8(file.path()));
            readTensor(file, name, isA ? matrixA(flat, slot) : matrixB(flat, slot));
        }
    }
}

formats::PeftConfig peftConfigOf(const Job& job, const std::string& baseModel)
{
    formats::PeftConfig config;
    config.rank = job.recipe.rank;
    config.alpha = job.recipe.alpha;
    config.dropout = job.recipe.dropout;
    config.useRslora = job.recipe.rslora;
    for (const Linear linear : targetsOf(job))
        config.targetModules.emplace_back(nameOf(linear));
    for (const auto& [pattern, rank] : job.recipe.rankPattern)
        config.rankPattern.emplace_back(pattern, rank);
    for (const auto& [pattern, alpha] : job.recipe.alphaPattern)
        config.alphaPattern.emplace_back(pattern, alpha);
    config.baseModel = baseModel;
    return config;
}

void writePeft(const std::filesystem::path& folder, const PeftContent& content)
{
    struct Source {
        const plan::AdapterSlot* slot;
        AdapterMatrix matrix;
    };
    std::vector<formats::SafeEntry> entries;
    std::map<std::string, Source> sources;
    std::map<std::string, ParamId> modules;
    for (const plan::AdapterSlot& slot : content.slots) {
        const auto put = [&](AdapterMatrix matrix, std::int64_t rows, std::int64_t cols) {
            const std::string name = peftNameOf(slot, matrix);
            entries.push_back({name, formats::SafeType::F32, {static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(cols)}});
            sources[name] = {&slot, matrix};
        };
        put(AdapterMatrix::A, slot.rank, slot.in);
        put(AdapterMatrix::B, slot.out, slot.rank);
    }
    for (const ParamId id : content.modules.ids)
        for (const std::string& name : moduleNamesOf(id, content.shape.tiedHead)) {
            const std::vector<std::int64_t> dims = formats::fileShapeOf(id, content.shape);
            entries.push_back({name, formats::SafeType::F32, {dims.begin(), dims.end()}});
            modules.emplace(name, id);
        }
    formats::writeSafetensors(folder / kTensorFile, std::move(entries), [&](const formats::SafeEntry& entry, const formats::AppendBytes& append) {
        if (const auto module = modules.find(entry.name); module != modules.end()) {
            readInPieces(content.modules.read, module->second, content.shape, [&](std::span<const float> values) { append(std::as_bytes(values)); });
            return;
        }
        const auto& [slot, matrix] = sources.at(entry.name);
        const bool isA = matrix == AdapterMatrix::A;
        const auto offset = static_cast<std::size_t>(isA ? slot->aOffset : slot->bOffset);
        const auto count = static_cast<std::size_t>(slot->rank * (isA ? slot->in : slot->out));
        append(std::as_bytes(content.flat.subspan(offset, count)));
    });
    formats::PeftConfig config = content.config;
    describeModules(config, content.modules.ids, content.shape.tiedHead);
    formats::writePeftConfig(folder / kConfigFile, config);
}

void writePeft(const std::filesystem::path& folder, const formats::PeftConfig& config, std::span<const plan::AdapterSlot> slots,
               std::span<const float> flat)
{
    writePeft(folder, {config, ModelShape{}, slots, flat, {}});
}

namespace {

/// Every parameter that was trained whole is there and nothing else, with the same values. Returns the number of tensors.
std::size_t verifyModules(const std::filesystem::path& folder, const PeftContent& content)
{
    std::vector<ParamId> ids = content.modules.ids;
    std::ranges::sort(ids);
    const WholeModules found = findModules(folder, content.shape);
    LORIKEET_CHECK(found.ids == ids && !found.apart, "the written adapter brings other parameters whole");
    if (ids.empty())
        return 0;
    const formats::SafetensorsFile file(tensorFile(folder));
    std::size_t tensors = 0;
    for (const ParamId id : ids)
        for (const std::string& name : moduleNamesOf(id, content.shape.tiedHead)) {
            const formats::SafeTensor* tensor = file.find(name);
            std::uint64_t at = 0;
            std::vector<float> back;
            readInPieces(content.modules.read, id, content.shape, [&](std::span<const float> values) {
                back.resize(values.size());
                file.read(*tensor, at, std::as_writable_bytes(std::span(back)));
                LORIKEET_CHECK(std::memcmp(back.data(), values.data(), values.size_bytes()) == 0, name + " reads back differently");
                at += values.size_bytes();
            });
            ++tensors;
        }
    return tensors;
}

}  // namespace


std::size_t verifyPeft(const std::filesystem::path& folder, const PeftContent& content)
{
    const auto slots = content.slots;
    const auto flat = content.flat;
    const std::vector<plan::AdapterSlot> found = readSlots(folder, content.shape);
    LORIKEET_CHECK(found.size() == slots.size(), "the written adapter has another number of maps");
    for (std::size_t i = 0; i < slots.size(); ++i)
        LORIKEET_CHECK(found[i].layer == slots[i].layer && found[i].linear == slots[i].linear && found[i].rank == slots[i].rank
                           && std::abs(found[i].scale - slots[i].scale) <= 1e-12 * std::abs(slots[i].scale),
                       "the written adapter's " + modulePathOf(slots[i]) + " differs in rank or scale");
    std::vector<float> back(flat.size());
    readWeights(folder, slots, back);
    LORIKEET_CHECK(std::memcmp(back.data(), flat.data(), flat.size_bytes()) == 0, "the written adapter differs from the trained one");
    return 2 * slots.size() + verifyModules(folder, content);
}

std::size_t verifyPeft(const std::filesystem::path& folder, const ModelShape& shape, std::span<const plan::AdapterSlot> slots,
                       std::span<const float> flat)
{
    return verifyPeft(folder, {{}, shape, slots, flat, {}});
}

}  // namespace lorikeet::lora
