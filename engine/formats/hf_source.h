// SPDX-License-Identifier: GPL-3.0-or-later
// A Hugging Face folder (config.json and safetensors, plain or quantised by bitsandbytes) or a bare config.json as a ModelSource.
#pragma once

#include "engine/formats/bnb_weight.h"
#include "engine/formats/model_source.h"
#include "engine/formats/safetensors_index.h"

#include <map>

namespace lorikeet::formats {

class HfFolderSource final : public ModelSource {
public:
    /// @throws Error{BadInput} when a tensor is missing, changes the arithmetic in an unknown way, or has a wrong shape or type.
    explicit HfFolderSource(const std::filesystem::path& folder);

    [[nodiscard]] const ModelShape& shape() const noexcept override { return m_shape; }
    [[nodiscard]] const std::filesystem::path& path() const noexcept override { return m_folder; }
    [[nodiscard]] std::string format() const override { return "safetensors"; }
    [[nodiscard]] bool hasWeights() const noexcept override { return true; }
    [[nodiscard]] const SourceTensor& tensor(ParamId id) const override;
    void readRows(ParamId id, std::int64_t firstRow, std::int64_t rowCount, std::span<float> target) const override;
    [[nodiscard]] bool readRaw(ParamId id, DType dtype, std::span<std::byte> target) const override;
    [[nodiscard]] StoredQuantization storedQuantization(ParamId id) const override;
    void readQuantised(ParamId id, const QuantisedBytes& target) const override;
    [[nodiscard]] std::vector<std::filesystem::path> files() const override;
    [[nodiscard]] std::uint64_t weightBytes() const noexcept override { return m_weights.bytes(); }
    [[nodiscard]] std::optional<std::string> licence() const override;

private:
    struct Entry {
        SafetensorsLocation location;
        SourceTensor description;
        std::optional<BnbWeight> quantised;
    };
    void addTensor(ParamId id);
    [[nodiscard]] bool addQuantised(ParamId id, const std::string& name);
    void refuseUnknownTensors() const;
    void chooseStorage();
    [[nodiscard]] const Entry& entry(ParamId id) const;
    [[noreturn]] void refuse(const std::string& what, const std::string& hint) const;

    std::filesystem::path m_folder;
    ModelShape m_shape;
    SafetensorsFolder m_weights;
    std::map<ParamId, Entry> m_entries;
};

/// Shape only: for plans and benchmarks with random weights.
class ConfigSource final : public ModelSource {
public:
    explicit ConfigSource(const std::filesystem::path& path);

    [[nodiscard]] const ModelShape& shape() const noexcept override { return m_shape; }
    [[nodiscard]] const std::filesystem::path& path() const noexcept override { return m_path; }
    [[nodiscard]] std::string format() const override { return "config"; }
    [[nodiscard]] bool hasWeights() const noexcept override { return false; }
    [[nodiscard]] const SourceTensor& tensor(ParamId id) const override;
    void readRows(ParamId id, std::int64_t firstRow, std::int64_t rowCount, std::span<float> target) const override;
    [[nodiscard]] bool readRaw(ParamId id, DType dtype, std::span<std::byte> target) const override;
    [[nodiscard]] std::vector<std::filesystem::path> files() const override { return {m_path}; }
    [[nodiscard]] std::uint64_t weightBytes() const noexcept override { return 0; }
    [[nodiscard]] std::optional<std::string> licence() const override { return std::nullopt; }

private:
    [[noreturn]] void refuseWeights() const;

    std::filesystem::path m_path;
    ModelShape m_shape;
};

}  // namespace lorikeet::formats
