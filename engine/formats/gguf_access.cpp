// SPDX-License-Identifier: GPL-3.0-or-later
// Look-ups in an opened GGUF file: tensors by name, metadata by key and type.
#include "engine/base/error.h"
#include "engine/formats/gguf_reader.h"

#include <limits>

namespace lorikeet::formats {

const GgufTensor* GgufFile::find(std::string_view tensorName) const noexcept
{
    const auto found = m_byName.find(tensorName);
    return found == m_byName.end() ? nullptr : &m_tensors[found->second];
}

const GgufValue* GgufFile::value(std::string_view key) const noexcept
{
    const auto found = m_metadata.find(key);
    return found == m_metadata.end() ? nullptr : &found->second;
}

std::optional<std::int64_t> GgufFile::integer(std::string_view key) const
{
    const GgufValue* found = value(key);
    if (found == nullptr)
        return std::nullopt;
    if (const auto* whole = std::get_if<std::int64_t>(found))
        return *whole;
    const auto* natural = std::get_if<std::uint64_t>(found);
    if (natural == nullptr || *natural > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        refuse("metadata '" + std::string(key) + "' is not an integer");
    return static_cast<std::int64_t>(*natural);
}

std::optional<double> GgufFile::number(std::string_view key) const
{
    const GgufValue* found = value(key);
    if (found == nullptr)
        return std::nullopt;
    if (const auto* real = std::get_if<double>(found))
        return *real;
    if (const auto* whole = std::get_if<std::int64_t>(found))
        return static_cast<double>(*whole);
    if (const auto* natural = std::get_if<std::uint64_t>(found))
        return static_cast<double>(*natural);
    refuse("metadata '" + std::string(key) + "' is not a number");
}

std::optional<bool> GgufFile::boolean(std::string_view key) const
{
    const GgufValue* found = value(key);
    if (found == nullptr)
        return std::nullopt;
    if (const auto* flag = std::get_if<bool>(found))
        return *flag;
    refuse("metadata '" + std::string(key) + "' is not true or false");
}

std::optional<std::string> GgufFile::text(std::string_view key) const
{
    const GgufValue* found = value(key);
    if (found == nullptr)
        return std::nullopt;
    if (const auto* words = std::get_if<std::string>(found))
        return *words;
    refuse("metadata '" + std::string(key) + "' is not a string");
}

std::int64_t GgufFile::requiredInteger(std::string_view key) const
{
    const auto found = integer(key);
    if (!found)
        refuse("metadata '" + std::string(key) + "' is missing", "the file is not a complete model; convert it again");
    return *found;
}

void GgufFile::refuse(const std::string& what, const std::string& hint) const
{
    throw Error(ErrorCode::BadInput, utf8(m_file.path()) + ": " + what, hint);
}

}  // namespace lorikeet::formats
