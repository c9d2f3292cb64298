// SPDX-License-Identifier: GPL-3.0-or-later
// A GGUF file as a ModelSource: names mapped, q/k rows put back into half-split order, blocks widened to fp32 while reading.
#pragma once

#include "engine/formats/gguf_config.h"
#include "engine/formats/model_source.h"

#include <map>

namespace lorikeet::formats {

class GgufSource final : public ModelSource {
public:
    /// @throws Error{BadInput} when a tensor is missing, unknown, of a wrong shape or of a type that is not read.
    explicit GgufSource(const std::filesystem::path& path);

    [[nodiscard]] const ModelShape& shape() const noexcept override { return m_model.shape; }
    [[nodiscard]] const std::filesystem::path& path() const noexcept override { return m_path; }
    [[nodiscard]] std::string format() const override { return "gguf"; }
    [[nodiscard]] bool hasWeights() const noexcept override { return true; }
    [[nodiscard]] const SourceTensor& tensor(ParamId id) const override;
    void readRows(ParamId id, std::int64_t firstRow, std::int64_t rowCount, std::span<float> target) const override;
    [[nodiscard]] bool readRaw(ParamId id, DType dtype, std::span<std::byte> target) const override;
    [[nodiscard]] std::vector<std::filesystem::path> files() const override { return {m_path}; }
    [[nodiscard]] std::uint64_t weightBytes() const noexcept override { return m_file.file().size(); }
    [[nodiscard]] std::optional<std::string> licence() const override { return m_file.text("general.license"); }
    [[nodiscard]] const GgufTokenizer* ggufTokenizer() const noexcept override;
    /// The metadata and tensors as they lie in the file.
    [[nodiscard]] const GgufFile& file() const noexcept { return m_file; }

private:
    struct Entry {
        const GgufTensor* tensor = nullptr;
        SourceTensor description;
    };
    void addTensor(ParamId id);
    void refuseUnknownTensors() const;
    [[nodiscard]] const Entry& entry(ParamId id) const;
    [[nodiscard]] bool isPermuted(ParamId id) const noexcept;
    void readPermutedRows(const Entry& from, std::int64_t firstRow, std::span<float> target) const;

    std::filesystem::path m_path;
    GgufFile m_file;
    GgufModel m_model;
    std::map<ParamId, Entry> m_entries;
    std::optional<GgufTokenizer> m_tokenizer;
};

}  // namespace lorikeet::formats
