// SPDX-License-Identifier: GPL-3.0-or-later
// Writes one .safetensors file, byte for byte as the reference library 0.8 orders and pads it, streaming, with atomic replacement.
#pragma once

#include "engine/base/files.h"
#include "engine/formats/safetensors_reader.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace lorikeet::formats {

struct SafeEntry {
    std::string name;
    SafeType type = SafeType::F32;
    std::vector<std::uint64_t> shape;  ///< outermost first
};

/// `{"format": "pt"}`: transformers 4 and PEFT refuse a file whose metadata lacks it.
[[nodiscard]] std::map<std::string, std::string> defaultSafetensorsMetadata();

/// Bytes of the tensor's data. @throws Error{Internal} on overflow or when they are not whole.
[[nodiscard]] std::uint64_t bytesOf(const SafeEntry& entry);

/// Header text with its 8 length bytes in front; `entries` in the order of order().
[[nodiscard]] std::string safetensorsHeader(const std::vector<SafeEntry>& entries, const std::map<std::string, std::string>& metadata);

/// The order in which data lie in a file: largest element type first, then by name, so that every tensor is aligned.
void sortForSafetensors(std::vector<SafeEntry>& entries);

/// Streaming: construct with what will be written, append the data of order() one after the other in pieces of any size, commit.
class SafetensorsWriter {
public:
    /// @throws Error{Target} when the file cannot be made, Error{Internal} for a name that occurs twice.
    SafetensorsWriter(const std::filesystem::path& path, std::vector<SafeEntry> entries,
                      const std::map<std::string, std::string>& metadata = defaultSafetensorsMetadata());

    [[nodiscard]] const std::vector<SafeEntry>& order() const noexcept { return m_order; }
    /// Data of the tensors in order(), continued. @throws Error{Target}, Error{Internal} for more bytes than announced.
    void append(std::span<const std::byte> bytes);
    /// Flushes and renames. @throws Error{Target}, Error{Internal} when data are missing.
    void commit();

private:
    AtomicFile m_file;
    std::vector<SafeEntry> m_order;
    std::uint64_t m_dataBytes = 0;
    std::uint64_t m_writtenBytes = 0;
};

/// Everything in one call: `produce(entry, append)` is called once for each tensor in file order and hands over its data in pieces.
using AppendBytes = std::function<void(std::span<const std::byte>)>;
void writeSafetensors(const std::filesystem::path& path, std::vector<SafeEntry> entries,
                      const std::function<void(const SafeEntry&, const AppendBytes&)>& produce,
                      const std::map<std::string, std::string>& metadata = defaultSafetensorsMetadata());

}  // namespace lorikeet::formats
