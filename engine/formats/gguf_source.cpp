// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/gguf_source.h"

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/formats/gguf_dequant.h"
#include "engine/formats/json_text.h"

#include <algorithm>
#include <set>

namespace lorikeet::formats {

namespace {

constexpr std::uint64_t kScratchBytes = 256 * 1024;

std::optional<DType> plainType(const GgufTypeInfo& type) noexcept
{
    switch (type.id) {
    case 0: return DType::F32;
    case 1: return DType::F16;
    case 30: return DType::BF16;
    default: return std::nullopt;
    }
}

std::string listOf(const std::vector<std::int64_t>& shape)
{
    std::string text = "[";
    for (const std::int64_t size : shape)
        text += (text.size() > 1 ? ", " : "") + std::to_string(size);
    return text + "]";
}

/// Elements of one row: the last dimension of a matrix, 1 for a vector.
std::int64_t columnsOf(const GgufTensor& tensor) { return tensor.shape.size() == 2 ? tensor.shape[1] : 1; }

/// Calls use(firstUnit, unitCount, bytes) for pieces of `tensor` that fit into the scratch. A unit is a run of `unitElements` elements
/// (whole blocks): pieces cover units [first, first + count).
template <typename Use>
void readPieces(const GgufFile& file, const GgufTensor& tensor, std::int64_t unitElements, std::int64_t first, std::int64_t count, Use use)
{
    const std::uint64_t unitBytes = static_cast<std::uint64_t>(unitElements) / tensor.type->blockElements * tensor.type->blockBytes;
    const auto perPiece = static_cast<std::int64_t>(std::max<std::uint64_t>(1, kScratchBytes / unitBytes));
    std::vector<std::byte> scratch(static_cast<std::size_t>(unitBytes) * static_cast<std::size_t>(std::min(perPiece, count)));
    for (std::int64_t unit = first; unit < first + count; unit += perPiece) {
        const std::int64_t units = std::min(perPiece, first + count - unit);
        const std::span piece = std::span(scratch).first(static_cast<std::size_t>(units) * unitBytes);
        file.file().readExact(tensor.offset + static_cast<std::uint64_t>(unit) * unitBytes, piece);
        use(unit, units, std::span<const std::byte>(piece));
    }
}

}  // namespace

GgufSource::GgufSource(const std::filesystem::path& path) : m_path(path), m_file(path), m_model(readGgufModel(m_file))
{
    for (const ParamId id : parametersOf(m_model.shape))
        addTensor(id);
    refuseUnknownTensors();
    if (m_file.value("tokenizer.ggml.tokens") != nullptr)
        m_tokenizer = readGgufTokenizer(m_file);
}

void GgufSource::addTensor(ParamId id)
{
    const std::string name = ggufNameOf(id);
    const GgufTensor* tensor = m_file.find(name);
    if (tensor == nullptr)
        m_file.refuse("tensor '" + name + "' is missing", "the file is not a complete " + m_model.shape.family + " model");
    const std::vector<std::int64_t> expected = fileShapeOf(id, m_model.shape);
    if (tensor->shape != expected)
        m_file.refuse("tensor '" + name + "' has the shape " + listOf(tensor->shape) + ", expected " + listOf(expected)
                          + " from the metadata",
                      "the metadata and the tensors do not belong together");
    if (!canDequantize(*tensor->type))
        m_file.refuse("tensor '" + name + "' is stored as " + tensor->type->name
                          + ", which is not read; read are F32, F16, BF16, Q4_0 to Q8_0, Q2_K to Q6_K, IQ4_NL and IQ4_XS",
                      "choose a file of one of these types, best F16, BF16 or Q8_0");
    // a bias of a quantised vector type would not be whole blocks per element; converters always write vectors as fp32
    if (isVector(id.kind) && tensor->type->blockElements != 1)
        m_file.refuse("the vector '" + name + "' is stored as " + std::string(tensor->type->name) + ", expected F32, F16 or BF16");
    Entry entry{tensor, {name, tensor->type->name, plainType(*tensor->type), tensor->shape, tensor->bytes}};
    m_entries.emplace(id, std::move(entry));
}

void GgufSource::refuseUnknownTensors() const
{
    std::set<std::string_view> known;
    for (const auto& [id, entry] : m_entries)
        known.insert(entry.tensor->name);
    for (const GgufTensor& tensor : m_file.tensors()) {
        if (known.contains(tensor.name) || tensor.name == "rope_freqs.weight" || tensor.name.ends_with(".attn_rot_embd.weight"))
            continue;
        m_file.refuse("tensor '" + tensor.name + "' has no place in a " + m_model.shape.family + " model of this shape",
                      kOtherModel);
    }
}

const GgufSource::Entry& GgufSource::entry(ParamId id) const
{
    const auto found = m_entries.find(id);
    if (found == m_entries.end())
        m_file.refuse("the model has no parameter '" + ggufNameOf(id) + "'");
    return found->second;
}

const SourceTensor& GgufSource::tensor(ParamId id) const { return entry(id).description; }

const GgufTokenizer* GgufSource::ggufTokenizer() const noexcept { return m_tokenizer ? &*m_tokenizer : nullptr; }

bool GgufSource::isPermuted(ParamId id) const noexcept
{
    const bool linear = id.kind == ParamKind::LinearWeight || id.kind == ParamKind::LinearBias;
    return m_model.permutedQk && linear && (id.linear == Linear::Q || id.linear == Linear::K);
}

void GgufSource::readRows(ParamId id, std::int64_t firstRow, std::int64_t rowCount, std::span<float> target) const
{
    const Entry& from = entry(id);
    const std::int64_t rows = from.tensor->shape[0];
    const std::int64_t columns = columnsOf(*from.tensor);
    LORIKEET_CHECK(firstRow >= 0 && rowCount >= 0 && firstRow <= rows && rowCount <= rows - firstRow
                       && target.size() == static_cast<std::size_t>(rowCount) * static_cast<std::size_t>(columns),
                   from.description.name + ": rows " + std::to_string(firstRow) + " + " + std::to_string(rowCount));
    if (rowCount == 0)
        return;
    if (isPermuted(id)) {
        readPermutedRows(from, firstRow, target);
        return;
    }
    readPieces(m_file, *from.tensor, columns, firstRow, rowCount, [&](std::int64_t row, std::int64_t count, std::span<const std::byte> bytes) {
        const auto begin = static_cast<std::size_t>((row - firstRow) * columns);
        dequantize(*from.tensor->type, bytes, target.subspan(begin, static_cast<std::size_t>(count * columns)));
    });
}

void GgufSource::readPermutedRows(const Entry& from, std::int64_t firstRow, std::span<float> target) const
{
    // Read the heads that hold the rows in file order, and put each row where it belongs: contiguous reads, no second copy.
    const std::int64_t columns = columnsOf(*from.tensor);
    const std::int64_t headSize = m_model.shape.headSize;
    const std::int64_t endRow = firstRow + static_cast<std::int64_t>(target.size()) / columns;
    const std::int64_t firstFileRow = firstRow / headSize * headSize;
    const std::int64_t endFileRow = (endRow + headSize - 1) / headSize * headSize;
    readPieces(m_file, *from.tensor, columns, firstFileRow, endFileRow - firstFileRow,
               [&](std::int64_t fileRow, std::int64_t count, std::span<const std::byte> bytes) {
                   const std::size_t rowBytes = bytes.size() / static_cast<std::size_t>(count);
                   for (std::int64_t i = 0; i < count; ++i) {
                       const std::int64_t row = hfRowOf(fileRow + i, headSize);
                       if (row < firstRow || row >= endRow)
                           continue;
                       const auto begin = static_cast<std::size_t>((row - firstRow) * columns);
                       dequantize(*from.tensor->type, bytes.subspan(static_cast<std::size_t>(i) * rowBytes, rowBytes),
                                  target.subspan(begin, static_cast<std::size_t>(columns)));
                   }
               });
}

bool GgufSource::readRaw(ParamId id, DType dtype, std::span<std::byte> target) const
{
    const Entry& from = entry(id);
    if (from.description.dtype != dtype || isPermuted(id))
        return false;
    LORIKEET_CHECK(target.size() == from.tensor->bytes, from.description.name + ": " + std::to_string(target.size()) + " bytes");
    m_file.file().readExact(from.tensor->offset, target);
    return true;
}

}  // namespace lorikeet::formats
