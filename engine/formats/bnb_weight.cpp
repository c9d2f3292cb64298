// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/bnb_weight.h"

#include "engine/base/check.h"
#include "engine/base/error.h"

#include <algorithm>
#include <cmath>

namespace lorikeet::formats {

namespace {

constexpr const char* kOtherFormat = "use a checkpoint in the default settings of bitsandbytes (nf4 or int8), or the model unquantised";
/// Elements whose codes are read at once.
constexpr std::int64_t kPiece = 64 * 1024;
/// Maps made by another version of LibTorch may differ in the last bits.
constexpr float kSameMap = 0x1p-20f;

bool isSameMap(std::span<const float> found, std::span<const float> expected)
{
    return std::equal(found.begin(), found.end(), expected.begin(), expected.end(),
                      [](float a, float b) { return std::abs(a - b) <= kSameMap * std::abs(b); });
}

void readAt(const SafetensorsLocation& from, std::uint64_t begin, std::span<std::byte> target) { from.file->read(*from.tensor, begin, target); }

std::uint64_t elementsOf(const SafeTensor& tensor) { return tensor.bytes * 8 / bitsOf(tensor.type); }

/// "W.weight" to "W.".
std::string stemOf(const std::string& name) { return name.substr(0, name.size() - std::string_view("weight").size()); }

}  // namespace

void BnbWeight::refuse(const std::string& what) const { throw Error(ErrorCode::BadInput, m_where + what, kOtherFormat); }

std::optional<BnbWeight> BnbWeight::find(const SafetensorsFolder& folder, const std::string& name, std::int64_t rows, std::int64_t cols,
                                         const std::string& where)
{
    const SafetensorsLocation codes = folder.find(name);
    LORIKEET_CHECK(name.ends_with("weight"), name + " is no weight");
    if (codes.tensor == nullptr)
        return std::nullopt;
    BnbWeight weight(where + ": tensor '" + name + "' ");
    if (folder.find(name + std::string(kBnbFp4State)).tensor != nullptr)
        weight.refuse("is quantised to fp4, which is not read");
    const bool isNf4 = folder.find(name + std::string(kBnbNf4State)).tensor != nullptr;
    const bool isInt8 = !isNf4 && codes.tensor->type == SafeType::I8;
    if (!isNf4 && codes.tensor->type == SafeType::U8)
        weight.refuse("is quantised, but '" + name + std::string(kBnbNf4State) + "' is missing from the weights");
    if (!isNf4 && !isInt8)
        return std::nullopt;
    weight.m_codes = codes;
    weight.m_cols = cols;
    weight.m_names.push_back(name);
    weight.m_fileBytes = codes.tensor->bytes;
    weight.m_sizes = quantizedSizes(isInt8 ? Quantization::Int8 : Quantization::Nf4, true, rows, cols);
    if (isNf4)
        weight.addNf4(folder, name, rows, cols);
    const std::vector<std::uint64_t> shape{static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(cols)};
    if (isInt8 && codes.tensor->shape != shape)
        weight.refuse("has another shape than config.json asks for: " + std::to_string(rows) + " x " + std::to_string(cols));
    if (isInt8)
        weight.addInt8(folder, name);
    return weight;
}

SafetensorsLocation BnbWeight::part(const SafetensorsFolder& folder, const std::string& name, SafeType type, std::int64_t count)
{
    const SafetensorsLocation found = folder.find(name);
    if (found.tensor == nullptr)
        refuse("is quantised, but '" + name + "' is missing from the weights");
    const std::uint64_t elements = elementsOf(*found.tensor);
    if (found.tensor->type != type || (count >= 0 && elements != static_cast<std::uint64_t>(count)))
        refuse("is quantised, but '" + name + "' holds " + std::to_string(elements) + " x " + std::string(nameOf(found.tensor->type)) + ", expected "
               + (count >= 0 ? std::to_string(count) + " x " : "") + std::string(nameOf(type)));
    m_names.push_back(name);
    m_fileBytes += found.tensor->bytes;
    return found;
}

void BnbWeight::addNf4(const SafetensorsFolder& folder, const std::string& name, std::int64_t rows, std::int64_t cols)
{
    const std::string stateName = name + std::string(kBnbNf4State);
    const SafetensorsLocation stateBytes = part(folder, stateName, SafeType::U8, -1);
    std::string text(std::min(stateBytes.tensor->bytes, kBnbStateLimit + 1), '\0');
    readAt(stateBytes, 0, std::as_writable_bytes(std::span(text)));
    const BnbQuantState state = parseBnbQuantState(text, m_where + "(its state)");
    if (state.rows != rows || state.cols != cols)
        refuse("has the shape [" + std::to_string(state.rows) + ", " + std::to_string(state.cols) + "] in its state, expected [" + std::to_string(rows) + ", "
               + std::to_string(cols) + "] from config.json");
    m_stored = {Quantization::Nf4, state.nested, true};
    m_dtype = state.dtype;
    m_sizes = quantizedSizes(Quantization::Nf4, state.nested, rows, cols);
    if (m_codes.tensor->bytes != static_cast<std::uint64_t>(m_sizes.codes))
        refuse("has " + std::to_string(m_codes.tensor->bytes) + " bytes of codes, expected " + std::to_string(m_sizes.codes));
    std::array<float, 16> code{};
    readAt(part(folder, name + std::string(kBnbMap), SafeType::F32, 16), 0, std::as_writable_bytes(std::span(code)));
    if (!isSameMap(code, kNf4Code))
        refuse("has a '" + std::string(kBnbMap.substr(1)) + "' with other values than NF4");
    m_absmax = part(folder, name + std::string(kBnbAbsmax), state.nested ? SafeType::U8 : SafeType::F32, m_sizes.absmax);
    if (state.nested)
        addNested(folder, name, state.nestedOffset);
}

void BnbWeight::addNested(const SafetensorsFolder& folder, const std::string& name, float offset)
{
    m_offset = offset;
    m_nested = part(folder, name + std::string(kBnbNestedAbsmax), SafeType::F32, m_sizes.nested);
    readAt(part(folder, name + std::string(kBnbNestedMap), SafeType::F32, static_cast<std::int64_t>(m_map.size())), 0, std::as_writable_bytes(std::span(m_map)));
    if (!std::ranges::all_of(m_map, [](float x) { return std::isfinite(x); }))
        refuse("has a '" + std::string(kBnbNestedMap.substr(1)) + "' with values that are not finite");
    m_stored.sameMap = isSameMap(m_map, kSignedMap);
}

void BnbWeight::addInt8(const SafetensorsFolder& folder, const std::string& name)
{
    m_stored = {Quantization::Int8, false, true};
    m_absmax = part(folder, stemOf(name) + "SCB", SafeType::F32, m_sizes.absmax);
    const std::string format = stemOf(name) + "weight_format";
    if (folder.find(format).tensor == nullptr)
        return;
    std::uint8_t layout = 0;
    readAt(part(folder, format, SafeType::U8, 1), 0, std::as_writable_bytes(std::span(&layout, 1)));
    if (layout != 0)
        refuse("is stored in layout " + std::to_string(layout) + " ('weight_format'), expected 0, plain rows");
}

void BnbWeight::requireFinite(std::span<const float> scales) const
{
    if (!std::ranges::all_of(scales, [](float x) { return std::isfinite(x); }))
        refuse("has a scale that is not finite");
}

std::vector<float> BnbWeight::scales(std::int64_t first, std::int64_t count) const
{
    std::vector<float> result(static_cast<std::size_t>(count));
    if (!m_stored.doubleQuantization) {
        readAt(m_absmax, static_cast<std::uint64_t>(first) * 4, std::as_writable_bytes(std::span(result)));
    } else {
        std::vector<std::uint8_t> codes(result.size());
        readAt(m_absmax, static_cast<std::uint64_t>(first), std::as_writable_bytes(std::span(codes)));
        const std::int64_t firstNested = first / kDoubleQuantBlock;
        std::vector<float> nested(static_cast<std::size_t>((first + count - 1) / kDoubleQuantBlock - firstNested + 1));
        readAt(m_nested, static_cast<std::uint64_t>(firstNested) * 4, std::as_writable_bytes(std::span(nested)));
        for (std::int64_t i = 0; i < count; ++i) {
            const auto at = static_cast<std::size_t>(i);
            result[at] = m_map[codes[at]] * nested[static_cast<std::size_t>((first + i) / kDoubleQuantBlock - firstNested)] + m_offset;
        }
    }
    requireFinite(result);
    return result;
}

void BnbWeight::readElements(std::int64_t first, std::span<float> target) const
{
    const bool isInt8 = m_stored.kind == Quantization::Int8;
    const std::int64_t perScale = isInt8 ? m_cols : kNf4Block;
    std::vector<std::uint8_t> codes;
    while (!target.empty()) {
        const std::int64_t count = std::min(kPiece, static_cast<std::int64_t>(target.size()));
        const std::int64_t firstByte = isInt8 ? first : first / 2;
        codes.resize(static_cast<std::size_t>((isInt8 ? first + count : (first + count + 1) / 2) - firstByte));
        readAt(m_codes, static_cast<std::uint64_t>(firstByte), std::as_writable_bytes(std::span(codes)));
        const std::int64_t firstScale = first / perScale;
        const std::vector<float> scale = scales(firstScale, (first + count - 1) / perScale - firstScale + 1);
        for (std::int64_t i = first; i < first + count; ++i) {
            const float by = scale[static_cast<std::size_t>(i / perScale - firstScale)];
            const std::uint8_t byte = codes[static_cast<std::size_t>((isInt8 ? i : i / 2) - firstByte)];
            target[static_cast<std::size_t>(i - first)] = isInt8 ? static_cast<float>(static_cast<std::int8_t>(byte)) * by * kInt8Step
                                                                 : kNf4Code[(byte >> (i % 2 == 0 ? 4 : 0)) & 0xF] * by;
        }
        first += count;
        target = target.subspan(static_cast<std::size_t>(count));
    }
}

void BnbWeight::readQuantised(const QuantisedBytes& target) const
{
    const bool isDouble = m_stored.doubleQuantization;
    LORIKEET_CHECK(target.codes.size() == m_codes.tensor->bytes && target.absmax.size() == m_absmax.tensor->bytes
                       && target.nested.size() == static_cast<std::size_t>(m_sizes.nested) && (target.offset != nullptr) == isDouble,
                   m_where + "read into buffers of other lengths");
    readAt(m_codes, 0, std::as_writable_bytes(target.codes));
    readAt(m_absmax, 0, target.absmax);
    if (isDouble) {
        readAt(m_nested, 0, std::as_writable_bytes(target.nested));
        requireFinite(target.nested);
        *target.offset = m_offset;
    } else {
        requireFinite({reinterpret_cast<const float*>(target.absmax.data()), static_cast<std::size_t>(m_sizes.absmax)});
    }
}

}  // namespace lorikeet::formats
