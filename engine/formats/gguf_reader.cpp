// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/gguf_reader.h"

#include "engine/base/checked.h"
#include "engine/base/error.h"
#include "engine/formats/gguf_cursor.h"

#include <charconv>
#include <limits>

namespace lorikeet::formats {

namespace {

constexpr std::uint64_t kKeyLimit = 65535;          // ggml docs/gguf.md
constexpr std::uint64_t kNameLimit = 63;            // GGML_MAX_NAME without the terminator
constexpr std::uint64_t kTextLimit = 16ULL << 20U;  // a chat template is some kB
constexpr std::uint64_t kArrayLimit = 1ULL << 24U;  // more elements than any vocabulary
constexpr std::uint64_t kEntryLimit = 65536;        // metadata keys, tensors
constexpr std::uint32_t kMaxDimensions = 4;
constexpr std::uint64_t kDefaultAlignment = 32;

enum class ValueType : std::uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, Text, Array, U64, I64, F64 };

template <typename Stored, typename Wide>
std::vector<Wide> readList(GgufCursor& cursor, std::uint64_t count)
{
    cursor.requireCount(count, sizeof(Stored), "array");
    std::vector<Wide> list;
    list.reserve(static_cast<std::size_t>(count));
    for (std::uint64_t i = 0; i < count; ++i)
        list.push_back(static_cast<Wide>(cursor.scalar<Stored>("array element")));
    return list;
}

std::vector<std::string> readTexts(GgufCursor& cursor, std::uint64_t count)
{
    cursor.requireCount(count, sizeof(std::uint64_t), "array of strings");
    std::vector<std::string> list;
    list.reserve(static_cast<std::size_t>(count));
    for (std::uint64_t i = 0; i < count; ++i)
        list.push_back(cursor.text(kTextLimit, "string of an array"));
    return list;
}

std::vector<std::uint8_t> readFlags(GgufCursor& cursor, std::uint64_t count)
{
    auto flags = readList<std::uint8_t, std::uint8_t>(cursor, count);
    for (std::uint8_t& flag : flags)
        flag = flag != 0 ? 1 : 0;
    return flags;
}

GgufValue readArray(GgufCursor& cursor, const std::string& key)
{
    const auto type = cursor.scalar<std::uint32_t>("element type of an array");
    const auto count = cursor.scalar<std::uint64_t>("length of an array");
    if (count > kArrayLimit)
        cursor.refuse("array '" + key + "' has " + std::to_string(count) + " elements, at most " + std::to_string(kArrayLimit)
                      + " are allowed");
    switch (static_cast<ValueType>(type)) {
    case ValueType::U8: return readList<std::uint8_t, std::uint64_t>(cursor, count);
    case ValueType::I8: return readList<std::int8_t, std::int64_t>(cursor, count);
    case ValueType::U16: return readList<std::uint16_t, std::uint64_t>(cursor, count);
    case ValueType::I16: return readList<std::int16_t, std::int64_t>(cursor, count);
    case ValueType::U32: return readList<std::uint32_t, std::uint64_t>(cursor, count);
    case ValueType::I32: return readList<std::int32_t, std::int64_t>(cursor, count);
    case ValueType::F32: return readList<float, double>(cursor, count);
    case ValueType::Bool: return readFlags(cursor, count);
    case ValueType::Text: return readTexts(cursor, count);
    case ValueType::Array: cursor.refuse("'" + key + "' is an array of arrays, which no reader supports");
    case ValueType::U64: return readList<std::uint64_t, std::uint64_t>(cursor, count);
    case ValueType::I64: return readList<std::int64_t, std::int64_t>(cursor, count);
    case ValueType::F64: return readList<double, double>(cursor, count);
    }
    cursor.refuse("array '" + key + "' has elements of the unknown type " + std::to_string(type) + ", expected 0 to 12");
}

/// The double nearest to the shortest decimal form of an fp32, so that 1e-05f gives 1e-05 and not 9.99999975e-06: the number its writer
/// meant.
double shortestDouble(float value)
{
    char text[32];
    const auto printed = std::to_chars(text, text + sizeof text, value);
    double wide = value;
    std::from_chars(text, printed.ptr, wide);
    return wide;
}

GgufValue readValue(GgufCursor& cursor, const std::string& key)
{
    const auto type = cursor.scalar<std::uint32_t>("type of a value");
    switch (static_cast<ValueType>(type)) {
    case ValueType::U8: return std::uint64_t{cursor.scalar<std::uint8_t>("u8 value")};
    case ValueType::I8: return std::int64_t{cursor.scalar<std::int8_t>("i8 value")};
    case ValueType::U16: return std::uint64_t{cursor.scalar<std::uint16_t>("u16 value")};
    case ValueType::I16: return std::int64_t{cursor.scalar<std::int16_t>("i16 value")};
    case ValueType::U32: return std::uint64_t{cursor.scalar<std::uint32_t>("u32 value")};
    case ValueType::I32: return std::int64_t{cursor.scalar<std::int32_t>("i32 value")};
    case ValueType::F32: return shortestDouble(cursor.scalar<float>("f32 value"));
    case ValueType::Bool: return cursor.scalar<std::uint8_t>("bool value") != 0;
    case ValueType::Text: return cursor.text(kTextLimit, "string value");
    case ValueType::Array: return readArray(cursor, key);
    case ValueType::U64: return cursor.scalar<std::uint64_t>("u64 value");
    case ValueType::I64: return cursor.scalar<std::int64_t>("i64 value");
    case ValueType::F64: return cursor.scalar<double>("f64 value");
    }
    cursor.refuse("'" + key + "' has the unknown type " + std::to_string(type) + ", expected 0 to 12");
}

std::vector<std::int64_t> readShape(GgufCursor& cursor, const std::string& name)
{
    const auto dimensions = cursor.scalar<std::uint32_t>("number of dimensions");
    if (dimensions > kMaxDimensions)
        cursor.refuse("tensor '" + name + "' has " + std::to_string(dimensions) + " dimensions, at most 4 are allowed");
    std::vector<std::int64_t> shape(dimensions);
    for (std::uint32_t i = 0; i < dimensions; ++i) {
        const auto size = cursor.scalar<std::uint64_t>("dimension");
        if (size == 0 || size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            cursor.refuse("tensor '" + name + "' has a dimension of " + std::to_string(size));
        shape[dimensions - 1 - i] = static_cast<std::int64_t>(size);
    }
    return shape;
}

/// Bytes of a tensor. Rows are whole blocks.
std::uint64_t bytesOf(const GgufCursor& cursor, const GgufTensor& tensor)
{
    const std::uint64_t rowElements = tensor.shape.empty() ? 1 : static_cast<std::uint64_t>(tensor.shape.back());
    if (rowElements % tensor.type->blockElements != 0)
        cursor.refuse("tensor '" + tensor.name + "' has rows of " + std::to_string(rowElements) + " elements, not a multiple of the "
                      + std::to_string(tensor.type->blockElements) + " of a " + tensor.type->name + " block");
    std::optional<std::uint64_t> elements = 1;
    for (const std::int64_t size : tensor.shape)
        elements = elements ? checkedMul(*elements, static_cast<std::uint64_t>(size)) : std::nullopt;
    const auto bytes = elements ? checkedMul(*elements / tensor.type->blockElements, tensor.type->blockBytes) : std::nullopt;
    if (!bytes || *elements > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        cursor.refuse("the dimensions of tensor '" + tensor.name + "' overflow 64 bits");
    return *bytes;
}

std::uint32_t readVersion(GgufCursor& cursor)
{
    const auto version = cursor.scalar<std::uint32_t>("version");
    if (version == 2 || version == 3)
        return version;
    const std::string where = utf8(cursor.file().path());
    if ((version & 0xFFFFU) == 0 && version != 0)
        throw Error(ErrorCode::BadInput, where + ": this GGUF file is big-endian, only little-endian files are read",
                    "convert it on a little-endian machine");
    throw Error(ErrorCode::BadInput, where + ": GGUF version " + std::to_string(version) + ", expected 2 or 3",
                "convert the model again with a current llama.cpp");
}

}  // namespace

GgufFile::GgufFile(const std::filesystem::path& path) : m_file(path)
{
    GgufCursor cursor(m_file);
    if (m_file.size() < 24)
        refuse("the file is " + std::to_string(m_file.size()) + " bytes long, a GGUF header alone needs 24",
               "the file was not downloaded completely");
    std::array<char, 4> magic{};
    for (char& letter : magic)
        letter = cursor.scalar<char>("magic");
    if (magic != std::array<char, 4>{'G', 'G', 'U', 'F'})
        refuse("the file does not begin with 'GGUF'", "choose a GGUF file or a Hugging Face folder");
    m_version = readVersion(cursor);
    const auto tensorCount = cursor.scalar<std::uint64_t>("tensor count");
    const auto valueCount = cursor.scalar<std::uint64_t>("metadata count");
    readMetadata(cursor, valueCount);
    readDirectory(cursor, tensorCount);
    const std::uint64_t unit = alignment();
    const auto dataStart = checkedAlign(cursor.position(), unit);
    if (!dataStart)
        refuse("the header's end overflows 64 bits");
    placeTensors(*dataStart, unit);
}

void GgufFile::readMetadata(GgufCursor& cursor, std::uint64_t count)
{
    if (count > kEntryLimit)
        cursor.refuse(std::to_string(count) + " metadata entries, at most " + std::to_string(kEntryLimit) + " are allowed");
    cursor.requireCount(count, 14, "metadata entries");
    for (std::uint64_t i = 0; i < count; ++i) {
        std::string key = cursor.text(kKeyLimit, "metadata key");
        if (key.empty())
            cursor.refuse("metadata entry " + std::to_string(i) + " has an empty key");
        if (m_metadata.contains(key))
            cursor.refuse("metadata key '" + key + "' occurs twice");
        GgufValue value = readValue(cursor, key);
        m_metadata.emplace(std::move(key), std::move(value));
    }
}

void GgufFile::readDirectory(GgufCursor& cursor, std::uint64_t count)
{
    if (count > kEntryLimit)
        cursor.refuse(std::to_string(count) + " tensors, at most " + std::to_string(kEntryLimit) + " are allowed");
    cursor.requireCount(count, 25, "tensor entries");
    m_tensors.reserve(static_cast<std::size_t>(count));
    for (std::uint64_t i = 0; i < count; ++i) {
        GgufTensor tensor;
        tensor.name = cursor.text(kNameLimit, "tensor name");
        if (tensor.name.empty())
            cursor.refuse("tensor " + std::to_string(i) + " has an empty name");
        tensor.shape = readShape(cursor, tensor.name);
        const auto type = cursor.scalar<std::uint32_t>("tensor type");
        tensor.type = ggufTypeInfo(type);
        if (tensor.type == nullptr)
            cursor.refuse("tensor '" + tensor.name + "' has the unknown ggml type " + std::to_string(type));
        tensor.bytes = bytesOf(cursor, tensor);
        tensor.offset = cursor.scalar<std::uint64_t>("tensor offset");
        if (!m_byName.emplace(tensor.name, m_tensors.size()).second)
            cursor.refuse("tensor '" + tensor.name + "' occurs twice");
        m_tensors.push_back(std::move(tensor));
    }
}

std::uint64_t GgufFile::alignment() const
{
    const std::int64_t unit = integer("general.alignment").value_or(kDefaultAlignment);
    if (unit <= 0 || unit > (std::int64_t{1} << 31) || (unit & (unit - 1)) != 0)
        refuse("general.alignment is " + std::to_string(unit) + ", expected a power of two");
    return static_cast<std::uint64_t>(unit);
}

void GgufFile::placeTensors(std::uint64_t dataStart, std::uint64_t alignment)
{
    // llama.cpp wants each offset to be the padded end of the tensor before: so there are no holes and no overlaps.
    std::uint64_t expected = 0;
    for (GgufTensor& tensor : m_tensors) {
        if (tensor.offset != expected)
            refuse("tensor '" + tensor.name + "' begins at offset " + std::to_string(tensor.offset) + ", expected "
                       + std::to_string(expected),
                   "the file is damaged or was written by a faulty program");
        const auto begin = checkedAdd(dataStart, tensor.offset);
        const auto end = begin ? checkedAdd(*begin, tensor.bytes) : std::nullopt;
        if (!end || *end > m_file.size())
            refuse("tensor '" + tensor.name + "' needs " + std::to_string(tensor.bytes) + " bytes from byte "
                       + std::to_string(begin.value_or(0)) + ", the file ends at byte " + std::to_string(m_file.size()),
                   "the file was not downloaded completely");
        const auto next = checkedAlign(tensor.offset + tensor.bytes, alignment);
        if (!next)
            refuse("the offsets overflow 64 bits at tensor '" + tensor.name + "'");
        expected = *next;
        tensor.offset = *begin;
    }
}

}  // namespace lorikeet::formats
