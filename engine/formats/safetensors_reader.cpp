// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/safetensors_reader.h"

#include "engine/base/error.h"

#include <array>
#include <cstring>

namespace lorikeet::formats {

namespace {

constexpr std::uint64_t kHeaderLimit = 100'000'000;  // MAX_HEADER_SIZE of the library

struct TypeRow {
    SafeType type;
    std::string_view name;
    std::uint32_t bits;
};

constexpr std::array<TypeRow, 22> kTypes{{
    {SafeType::Bool, "BOOL", 8},       {SafeType::F4, "F4", 4},           {SafeType::F6E2M3, "F6_E2M3", 6},
    {SafeType::F6E3M2, "F6_E3M2", 6},  {SafeType::U8, "U8", 8},           {SafeType::I8, "I8", 8},
    {SafeType::F8E5M2, "F8_E5M2", 8},  {SafeType::F8E4M3, "F8_E4M3", 8},  {SafeType::F8E8M0, "F8_E8M0", 8},
    {SafeType::F8E4M3Fnuz, "F8_E4M3FNUZ", 8}, {SafeType::F8E5M2Fnuz, "F8_E5M2FNUZ", 8}, {SafeType::I16, "I16", 16},
    {SafeType::U16, "U16", 16},        {SafeType::F16, "F16", 16},        {SafeType::BF16, "BF16", 16},
    {SafeType::I32, "I32", 32},        {SafeType::U32, "U32", 32},        {SafeType::F32, "F32", 32},
    {SafeType::C64, "C64", 64},        {SafeType::F64, "F64", 64},        {SafeType::I64, "I64", 64},
    {SafeType::U64, "U64", 64},
}};

SafetensorsHeader readHeader(const InputFile& file, std::uint64_t& dataStart)
{
    const std::string where = utf8(file.path());
    const auto refuse = [&](const std::string& what) {
        throw Error(ErrorCode::BadInput, where + ": " + what, "the file is damaged or was not downloaded completely: fetch it again");
    };
    if (file.size() < 8)
        refuse("the file is " + std::to_string(file.size()) + " bytes long, the header length alone needs 8");
    std::uint64_t length = 0;
    file.readExact(0, std::as_writable_bytes(std::span<std::uint64_t, 1>(&length, 1)));
    if (length > kHeaderLimit)
        refuse("the header would be " + std::to_string(length) + " bytes long, at most " + std::to_string(kHeaderLimit) + " are allowed");
    if (length > file.size() - 8)
        refuse("the header needs " + std::to_string(length) + " bytes, the file has " + std::to_string(file.size() - 8) + " after byte 8");
    std::string text(static_cast<std::size_t>(length), '\0');
    file.readExact(8, std::as_writable_bytes(std::span<char>(text.data(), text.size())));
    dataStart = 8 + length;
    return parseSafetensorsHeader(text, file.size() - dataStart, where);
}

}  // namespace

std::string_view nameOf(SafeType type) noexcept { return kTypes[static_cast<std::size_t>(type)].name; }

std::uint32_t bitsOf(SafeType type) noexcept { return kTypes[static_cast<std::size_t>(type)].bits; }

std::optional<SafeType> safeTypeOf(std::string_view name) noexcept
{
    for (const TypeRow& row : kTypes) {
        if (row.name == name)
            return row.type;
    }
    return std::nullopt;
}

std::optional<DType> dtypeOf(SafeType type) noexcept
{
    switch (type) {
    case SafeType::F32: return DType::F32;
    case SafeType::BF16: return DType::BF16;
    case SafeType::F16: return DType::F16;
    case SafeType::F64: return DType::F64;
    case SafeType::I32: return DType::I32;
    case SafeType::I64: return DType::I64;
    case SafeType::U8: return DType::U8;
    default: return std::nullopt;
    }
}

SafeType safeTypeOf(DType type) noexcept
{
    switch (type) {
    case DType::F32: return SafeType::F32;
    case DType::BF16: return SafeType::BF16;
    case DType::F16: return SafeType::F16;
    case DType::F64: return SafeType::F64;
    case DType::I32: return SafeType::I32;
    case DType::I64: return SafeType::I64;
    case DType::U8: return SafeType::U8;
    }
    return SafeType::U8;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : m_file(path)
{
    std::uint64_t dataStart = 0;
    SafetensorsHeader header = readHeader(m_file, dataStart);
    m_tensors = std::move(header.tensors);
    m_metadata = std::move(header.metadata);
    for (auto& [name, tensor] : m_tensors)
        tensor.offset += dataStart;
}

const SafeTensor* SafetensorsFile::find(std::string_view name) const noexcept
{
    const auto found = m_tensors.find(name);
    return found == m_tensors.end() ? nullptr : &found->second;
}

void SafetensorsFile::read(std::string_view name, std::uint64_t begin, std::span<std::byte> target) const
{
    const SafeTensor* tensor = find(name);
    if (tensor == nullptr)
        throw Error(ErrorCode::BadInput, utf8(path()) + ": there is no tensor '" + std::string(name) + "'", "the file does not belong to its configuration: fetch both again");
    read(*tensor, begin, target);
}

void SafetensorsFile::read(const SafeTensor& tensor, std::uint64_t begin, std::span<std::byte> target) const
{
    if (begin > tensor.bytes || target.size() > tensor.bytes - begin)
        throw Error(ErrorCode::BadInput, utf8(path()) + ": bytes " + std::to_string(begin) + " + " + std::to_string(target.size())
                                             + " leave a tensor of " + std::to_string(tensor.bytes) + " bytes",
                    "the file does not belong to its configuration: fetch both again");
    m_file.readExact(tensor.offset + begin, target);
}

}  // namespace lorikeet::formats
