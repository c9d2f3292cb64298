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

std::string shapeText(const std::vector<std::uint64_t>& shape)
{
    std::string text;
    for (const std::uint64_t dim : shape)
        text += (text.empty() ? "" : " x ") + std::to_string(dim);
    return text;
}

void requireShape(const formats::SafeTensor& tensor, const std::vector<std::uint64_t>& wanted, const std::string& name, const std::string& where)
{
    if (tensor.shape == wanted)
        return;
    throw Error(ErrorCode::BadInput, where + ": tensor " + name + " is " + shapeText(tensor.shape) + ", this base model needs " + shapeText(wanted),
                "use the base model the adapter was trained on");
}

/// One slot of the file, or nothing when this map is not adapted.
bool findSlot(const formats::SafetensorsFile& file, const formats::PeftConfig& config, const ModelShape& shape, plan::AdapterSlot& slot)
{
    slot.dora = config.useDora;
    const std::string where = utf8(file.path());
    const formats::SafeTensor* a = file.find(peftNameOf(slot, AdapterPart::A));
    std::string missing;
    std::size_t found = 0;
    for (const AdapterPart part : partsOf(slot)) {
        const std::string name = peftNameOf(slot, part);
        if (file.find(name))
            ++found;
        else
            missing = name;
    }
    if (found == 0)
        return false;
    if (!missing.empty())
        throw Error(ErrorCode::BadInput, where + ": tensor " + missing + " is missing beside its partner", "the file is damaged: export it again");
    const LinearShape map = shapeOf(slot.linear, shape);
    slot.in = map.in;
    slot.out = map.out;
    slot.rank = a->shape.empty() ? 0 : static_cast<std::int64_t>(std::min<std::uint64_t>(a->shape.front(), 1u << 20));
    for (const AdapterPart part : partsOf(slot)) {
        const std::string name = peftNameOf(slot, part);
        requireShape(*file.find(name), shapeOfPart(slot, part), name, where);
    }
    const std::string module = modulePathOf(slot);
    const std::int64_t stated = byPattern(config.rankPattern, module, config.rank);
    if (slot.rank < 1 || stated != slot.rank)
        throw Error(ErrorCode::BadInput, where + ": " + module + " has rank " + std::to_string(slot.rank) + ", " + kConfigFile + " says " + std::to_string(stated),
                    "the two files do not belong together: export or fetch the adapter again");
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
        throw Error(ErrorCode::BadInput, utf8(file.path()) + ": tensor " + name + " is " + std::string(formats::nameOf(tensor->type)) + ", expected F32, BF16 or F16",
                    "save the adapter in one of these types");
    std::vector<std::uint16_t> halves(target.size());
    file.read(*tensor, 0, std::as_writable_bytes(std::span(halves)));
    for (std::size_t i = 0; i < halves.size(); ++i)
        target[i] = tensor->type == formats::SafeType::BF16 ? formats::fromBrain(halves[i]) : formats::fromHalf(halves[i]);
}

std::size_t tensorsOf(std::span<const plan::AdapterSlot> slots)
{
    std::size_t count = 0;
    for (const plan::AdapterSlot& slot : slots)
        count += partsOf(slot).size();
    return count;
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
    const std::size_t known = tensorsOf(slots) + moduleTensors(file, shape);
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
        for (const AdapterPart part : partsOf(slot)) {
            const std::string name = peftNameOf(slot, part);
            const formats::SafeTensor* tensor = file.find(name);
            if (!tensor)
                throw Error(ErrorCode::BadInput, utf8(file.path()) + ": tensor " + name + " is missing", "choose the targets the adapter was trained with");
            requireShape(*tensor, shapeOfPart(slot, part), name, utf8(file.path()));
            readTensor(file, name, valuesOf(flat, slot, part));
        }
    }
}

formats::PeftConfig peftConfigOf(const Job& job, const std::string& baseModel)
{
    formats::PeftConfig config;
    config.rank = job.recipe.rank;
    config.alpha = job.recipe.alpha;
    config.dropout = job.recipe.dropout;
    config.useDora = job.recipe.dora;
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
    std::vector<formats::SafeEntry> entries;
    std::map<std::string, std::span<const float>> sources;
    std::map<std::string, ParamId> modules;
    for (const plan::AdapterSlot& slot : content.slots)
        for (const AdapterPart part : partsOf(slot)) {
            const std::string name = peftNameOf(slot, part);
            entries.push_back({name, formats::SafeType::F32, shapeOfPart(slot, part)});
            sources[name] = valuesOf(content.flat, slot, part);
        }
    for (const ParamId id : content.modules.ids)
        for (const std::string& name : moduleNamesOf(id, content.shape.tiedHead)) {
            const std::vector<std::int64_t> dims = formats::fileShapeOf(id, content.shape);
            entries.push_back({name, formats::SafeType::F32, {dims.begin(), dims.end()}});
            modules.emplace(name, id);
        }
    formats::writeSafetensors(folder / kTensorFile, std::move(entries), [&](const formats::SafeEntry& entry, const formats::AppendBytes& append) {
        if (const auto module = modules.find(entry.name); module != modules.end())
            readInPieces(content.modules.read, module->second, content.shape, [&](std::span<const float> values) { append(std::as_bytes(values)); });
        else
            append(std::as_bytes(sources.at(entry.name)));
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
        LORIKEET_CHECK(found[i].layer == slots[i].layer && found[i].linear == slots[i].linear && found[i].rank == slots[i].rank && found[i].dora == slots[i].dora
                           && std::abs(found[i].scale - slots[i].scale) <= 1e-12 * std::abs(slots[i].scale),
                       "the written adapter's " + modulePathOf(slots[i]) + " differs in rank, scale or magnitude");
    std::vector<float> back(flat.size());
    readWeights(folder, slots, back);
    LORIKEET_CHECK(std::memcmp(back.data(), flat.data(), flat.size_bytes()) == 0, "the written adapter differs from the trained one");
    return tensorsOf(slots) + verifyModules(folder, content);
}

std::size_t verifyPeft(const std::filesystem::path& folder, const ModelShape& shape, std::span<const plan::AdapterSlot> slots,
                       std::span<const float> flat)
{
    return verifyPeft(folder, {{}, shape, slots, flat, {}});
}

}  // namespace lorikeet::lora
