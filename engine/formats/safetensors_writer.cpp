// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/safetensors_writer.h"

#include "engine/base/check.h"
#include "engine/base/checked.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <set>
#include <string_view>
#include <tuple>

namespace lorikeet::formats {

namespace {

std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

std::string listOf(const std::vector<std::uint64_t>& numbers)
{
    std::string text = "[";
    for (const std::uint64_t number : numbers)
        text += (text.size() > 1 ? "," : "") + std::to_string(number);
    return text + "]";
}

std::string metadataText(const std::map<std::string, std::string>& metadata)
{
    std::string text = "\"__metadata__\":{";
    const char* separator = "";
    for (const auto& [key, value] : metadata) {
        text += separator + quoted(key) + ":" + quoted(value);
        separator = ",";
    }
    return text + "}";
}

std::vector<SafeEntry> sorted(std::vector<SafeEntry> entries)
{
    sortForSafetensors(entries);
    std::set<std::string_view> names;
    for (const SafeEntry& entry : entries)
        LORIKEET_CHECK(names.insert(entry.name).second, "tensor twice: " + entry.name);
    return entries;
}

}  // namespace

std::map<std::string, std::string> defaultSafetensorsMetadata() { return {{"format", "pt"}}; }

std::uint64_t bytesOf(const SafeEntry& entry)
{
    std::optional<std::uint64_t> bits = bitsOf(entry.type);
    for (const std::uint64_t size : entry.shape)
        bits = bits ? checkedMul(*bits, size) : std::nullopt;
    LORIKEET_CHECK(bits && *bits % 8 == 0, "size of tensor " + entry.name);
    return *bits / 8;
}

std::string safetensorsHeader(const std::vector<SafeEntry>& entries, const std::map<std::string, std::string>& metadata)
{
    std::string json = "{";
    if (!metadata.empty())
        json += metadataText(metadata);
    std::uint64_t offset = 0;
    for (const SafeEntry& entry : entries) {
        const auto end = checkedAdd(offset, bytesOf(entry));
        LORIKEET_CHECK(end.has_value(), "size of the file at " + entry.name);
        json += (json.size() > 1 ? "," : "") + quoted(entry.name) + ":{\"dtype\":\"" + std::string(nameOf(entry.type)) + "\",\"shape\":"
              + listOf(entry.shape) + ",\"data_offsets\":" + listOf({offset, *end}) + "}";
        offset = *end;
    }
    json += "}";
    json.append((8 - json.size() % 8) % 8, ' ');
    const std::uint64_t length = json.size();
    std::string header(sizeof length, '\0');
    std::memcpy(header.data(), &length, sizeof length);
    return header + json;
}

void sortForSafetensors(std::vector<SafeEntry>& entries)
{
    std::sort(entries.begin(), entries.end(), [](const SafeEntry& a, const SafeEntry& b) {
        return std::tuple(b.type, std::string_view(a.name)) < std::tuple(a.type, std::string_view(b.name));
    });
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, std::vector<SafeEntry> entries,
                                     const std::map<std::string, std::string>& metadata)
    : m_file(path), m_order(sorted(std::move(entries)))
{
    for (const SafeEntry& entry : m_order)
        m_dataBytes += bytesOf(entry);
    m_file.write(safetensorsHeader(m_order, metadata));
}

void SafetensorsWriter::append(std::span<const std::byte> bytes)
{
    LORIKEET_CHECK(bytes.size() <= m_dataBytes - m_writtenBytes, "more tensor data than announced");
    m_file.write(bytes);
    m_writtenBytes += bytes.size();
}

void SafetensorsWriter::commit()
{
    LORIKEET_CHECK(m_writtenBytes == m_dataBytes, std::to_string(m_writtenBytes) + " of " + std::to_string(m_dataBytes) + " bytes written");
    m_file.commit();
}

void writeSafetensors(const std::filesystem::path& path, std::vector<SafeEntry> entries,
                      const std::function<void(const SafeEntry&, const AppendBytes&)>& produce,
                      const std::map<std::string, std::string>& metadata)
{
    SafetensorsWriter writer(path, std::move(entries), metadata);
    for (const SafeEntry& entry : writer.order()) {
        std::uint64_t left = bytesOf(entry);
        produce(entry, [&](std::span<const std::byte> bytes) {
            LORIKEET_CHECK(bytes.size() <= left, "more data than tensor " + entry.name + " holds");
            left -= bytes.size();
            writer.append(bytes);
        });
        LORIKEET_CHECK(left == 0, "tensor " + entry.name + " lacks " + std::to_string(left) + " bytes");
    }
    writer.commit();
}

}  // namespace lorikeet::formats
