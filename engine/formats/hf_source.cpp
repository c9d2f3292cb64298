// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/hf_source.h"

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/formats/half_floats.h"
#include "engine/formats/hf_config.h"
#include "engine/formats/json_text.h"
#include "engine/formats/model_card.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

namespace lorikeet::formats {

namespace {

constexpr std::size_t kScratchBytes = 256 * 1024;

std::string listOf(const auto& shape)
{
    std::string text = "[";
    for (const auto size : shape)
        text += (text.size() > 1 ? ", " : "") + std::to_string(size);
    return text + "]";
}

/// Reads elements [first, first + target.size()) of a tensor of 16-bit floats through a scratch block.
void readWidened(const SafetensorsLocation& from, std::uint64_t first, std::span<float> target)
{
    std::vector<std::byte> scratch(std::min(kScratchBytes, target.size() * 2));
    while (!target.empty()) {
        const std::size_t elements = std::min(scratch.size() / 2, target.size());
        const std::span bytes = std::span(scratch).first(elements * 2);
        from.file->read(*from.tensor, first * 2, bytes);
        if (from.tensor->type == SafeType::F16)
            widenHalf(bytes, target.first(elements));
        else
            widenBrain(bytes, target.first(elements));
        first += elements;
        target = target.subspan(elements);
    }
}

}  // namespace

HfFolderSource::HfFolderSource(const std::filesystem::path& folder)
    : m_folder(folder), m_shape(readHfConfig(folder / "config.json")), m_weights(folder)
{
    for (const ParamId id : parametersOf(m_shape))
        addTensor(id);
    refuseUnknownTensors();
    chooseStorage();
}

void HfFolderSource::refuse(const std::string& what, const std::string& hint) const
{
    throw Error(ErrorCode::BadInput, utf8(m_folder) + ": " + what, hint);
}

void HfFolderSource::addTensor(ParamId id)
{
    const std::string name = hfNameOf(id);
    if (addQuantised(id, name))
        return;
    const SafetensorsLocation location = m_weights.find(name);
    if (location.tensor == nullptr)
        refuse("tensor '" + name + "' is missing from the weights", "download the model again; config.json asks for this tensor");
    const std::vector<std::int64_t> expected = fileShapeOf(id, m_shape);
    const SafeTensor& tensor = *location.tensor;
    const bool sameShape = std::equal(tensor.shape.begin(), tensor.shape.end(), expected.begin(), expected.end(),
                                      [](std::uint64_t a, std::int64_t b) { return a == static_cast<std::uint64_t>(b); });
    if (!sameShape)
        refuse("tensor '" + name + "' has the shape " + listOf(tensor.shape) + ", expected " + listOf(expected) + " from config.json",
               "config.json and the weights do not belong together: fetch both again from the same place");
    if (tensor.type != SafeType::F32 && tensor.type != SafeType::F16 && tensor.type != SafeType::BF16)
        refuse("tensor '" + name + "' is stored as " + std::string(nameOf(tensor.type)) + ", read are F32, F16 and BF16",
               "choose the bf16 or fp16 version of the model");
    SourceTensor description{name, std::string(nameOf(tensor.type)), dtypeOf(tensor.type), expected, tensor.bytes};
    m_entries.emplace(id, Entry{location, std::move(description), {}});
}

bool HfFolderSource::addQuantised(ParamId id, const std::string& name)
{
    if (id.kind != ParamKind::LinearWeight && id.kind != ParamKind::Head)
        return false;
    const auto [rows, columns] = shapeOf(id, m_shape);
    std::optional<BnbWeight> weight = BnbWeight::find(m_weights, name, rows, columns, utf8(m_folder));
    if (!weight)
        return false;
    SourceTensor description{name, weight->stored().kind == Quantization::Nf4 ? "NF4" : "INT8", {}, fileShapeOf(id, m_shape), weight->fileBytes()};
    m_entries.emplace(id, Entry{m_weights.find(name), std::move(description), std::move(weight)});
    return true;
}

void HfFolderSource::refuseUnknownTensors() const
{
    std::set<std::string_view> known;
    for (const auto& [id, entry] : m_entries) {
        known.insert(entry.description.name);
        if (entry.quantised)
            known.insert(entry.quantised->names().begin(), entry.quantised->names().end());
    }
    for (const auto& [name, location] : m_weights.tensors()) {
        // Outside "model." lie things a decoder does not use (value heads, a stray lm_head of a tied model). Inside, an unknown
        // tensor changes the arithmetic: ignoring it would train another model than the one in the folder.
        if (!name.starts_with("model.") || name.ends_with(".inv_freq") || known.contains(name))
            continue;
        refuse("tensor '" + name + "' has no place in a " + m_shape.family + " model with this config.json",
               kOtherModel);
    }
}

void HfFolderSource::chooseStorage()
{
    std::map<DType, std::uint64_t> bytes;
    for (const auto& [id, entry] : m_entries)
        if (const auto dtype = entry.quantised ? entry.quantised->dtype() : entry.description.dtype)
            bytes[*dtype] += static_cast<std::uint64_t>(elementCountOf(id, m_shape)) * bytesOf(*dtype);
    m_shape.storage = std::max_element(bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; })->first;
}

const HfFolderSource::Entry& HfFolderSource::entry(ParamId id) const
{
    const auto found = m_entries.find(id);
    if (found == m_entries.end())
        refuse("the model has no parameter '" + hfNameOf(id) + "'", "");
    return found->second;
}

const SourceTensor& HfFolderSource::tensor(ParamId id) const { return entry(id).description; }

void HfFolderSource::readRows(ParamId id, std::int64_t firstRow, std::int64_t rowCount, std::span<float> target) const
{
    const Entry& from = entry(id);
    const auto [rows, columns] = shapeOf(id, m_shape);
    LORIKEET_CHECK(firstRow >= 0 && rowCount >= 0 && firstRow <= rows && rowCount <= rows - firstRow
                       && target.size() == static_cast<std::size_t>(rowCount) * static_cast<std::size_t>(columns),
                   from.description.name + ": rows " + std::to_string(firstRow) + " + " + std::to_string(rowCount));
    if (from.quantised)
        return from.quantised->readElements(firstRow * columns, target);
    const auto first = static_cast<std::uint64_t>(firstRow) * static_cast<std::uint64_t>(columns);
    if (from.location.tensor->type == SafeType::F32)
        from.location.file->read(*from.location.tensor, first * 4, std::as_writable_bytes(target));
    else
        readWidened(from.location, first, target);
}

bool HfFolderSource::readRaw(ParamId id, DType dtype, std::span<std::byte> target) const
{
    const Entry& from = entry(id);
    if (from.description.dtype != dtype)
        return false;
    LORIKEET_CHECK(target.size() == from.location.tensor->bytes, from.description.name + ": " + std::to_string(target.size()) + " bytes");
    from.location.file->read(*from.location.tensor, 0, target);
    return true;
}

StoredQuantization HfFolderSource::storedQuantization(ParamId id) const
{
    const Entry& from = entry(id);
    return from.quantised ? from.quantised->stored() : StoredQuantization{};
}

void HfFolderSource::readQuantised(ParamId id, const QuantisedBytes& target) const
{
    const Entry& from = entry(id);
    LORIKEET_CHECK(from.quantised, from.description.name + " is not stored quantised");
    from.quantised->readQuantised(target);
}

std::vector<std::filesystem::path> HfFolderSource::files() const
{
    std::vector<std::filesystem::path> all{m_folder / "config.json"};
    all.insert(all.end(), m_weights.files().begin(), m_weights.files().end());
    return all;
}

std::optional<std::string> HfFolderSource::licence() const { return licenceOfModelCard(m_folder / "README.md"); }

ConfigSource::ConfigSource(const std::filesystem::path& path) : m_path(path), m_shape(readHfConfig(path)) {}

void ConfigSource::refuseWeights() const
{
    throw Error(ErrorCode::BadInput, utf8(m_path) + ": this is a configuration without weights",
                "it can be planned and benchmarked; to train, open a folder with weights or a GGUF file");
}

const SourceTensor& ConfigSource::tensor(ParamId /*id*/) const { refuseWeights(); }

void ConfigSource::readRows(ParamId /*id*/, std::int64_t /*firstRow*/, std::int64_t /*rowCount*/, std::span<float> /*target*/) const
{
    refuseWeights();
}

bool ConfigSource::readRaw(ParamId /*id*/, DType /*dtype*/, std::span<std::byte> /*target*/) const { refuseWeights(); }

}  // namespace lorikeet::formats
