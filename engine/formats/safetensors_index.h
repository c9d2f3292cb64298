// SPDX-License-Identifier: GPL-3.0-or-later
// The weights of a Hugging Face folder: one model.safetensors, or shards named by model.safetensors.index.json.
#pragma once

#include "engine/formats/safetensors_reader.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace lorikeet::formats {

struct SafetensorsLocation {
    const SafetensorsFile* file = nullptr;
    const SafeTensor* tensor = nullptr;
};

/// All shards, opened and cross-checked; immutable.
class SafetensorsFolder {
public:
    /// `folder` holds model.safetensors or an index with its shards. Shard names must be plain file names. Each tensor of the index lies
    /// in the shard it names, and no shard holds a tensor that the index does not know. @throws Error{BadInput}, for pickle-only folders
    /// with the way to convert them.
    explicit SafetensorsFolder(const std::filesystem::path& folder);

    /// Null file and tensor when there is none of that name.
    [[nodiscard]] SafetensorsLocation find(std::string_view name) const;
    [[nodiscard]] const std::map<std::string, SafetensorsLocation, std::less<>>& tensors() const noexcept { return m_tensors; }
    /// The index where there is one, then the weight files in the order of their names.
    [[nodiscard]] const std::vector<std::filesystem::path>& files() const noexcept { return m_paths; }
    /// Bytes of the weight files.
    [[nodiscard]] std::uint64_t bytes() const noexcept;

private:
    void openIndex(const std::filesystem::path& folder, const std::filesystem::path& index);
    void addFile(const std::filesystem::path& path);

    std::vector<std::unique_ptr<SafetensorsFile>> m_files;
    std::vector<std::filesystem::path> m_paths;
    std::map<std::string, SafetensorsLocation, std::less<>> m_tensors;
};

/// True when the folder has weights in safetensors form (without opening them).
[[nodiscard]] bool hasSafetensors(const std::filesystem::path& folder);

}  // namespace lorikeet::formats
