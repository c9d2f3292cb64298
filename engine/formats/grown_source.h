// SPDX-License-Identifier: GPL-3.0-or-later
// A base model with rows behind those of its embedding table and head, for tokens that were added to its tokenizer.
#pragma once

#include "engine/formats/model_source.h"
#include "engine/spec/new_token.h"

#include <mutex>

namespace lorikeet::formats {

/// Each new row is the mean of the table's own, in fp64 and rounded once: what transformers' resize_token_embeddings(mean_resizing=True)
/// draws around, without the draw. Everything else is the other source's.
class GrownSource final : public ModelSource {
public:
    /// `vocab` is at least the source's; where it is the same the tables stay as they are and only the tokens are new.
    GrownSource(std::unique_ptr<ModelSource> source, std::vector<NewToken> tokens, std::int64_t vocab);

    const ModelShape& shape() const noexcept override { return m_shape; }
    const std::filesystem::path& path() const noexcept override { return m_source->path(); }
    std::string format() const override { return m_source->format(); }
    bool hasWeights() const noexcept override { return m_source->hasWeights(); }
    /// As the file has it: without the new rows.
    const SourceTensor& tensor(ParamId id) const override { return m_source->tensor(id); }
    void readRows(ParamId id, std::int64_t firstRow, std::int64_t rowCount, std::span<float> target) const override;
    bool readRaw(ParamId id, DType dtype, std::span<std::byte> target) const override;
    StoredQuantization storedQuantization(ParamId id) const override { return m_source->storedQuantization(id); }
    void readQuantised(ParamId id, const QuantisedBytes& target) const override { m_source->readQuantised(id, target); }
    std::vector<std::filesystem::path> files() const override { return m_source->files(); }
    std::uint64_t weightBytes() const noexcept override { return m_source->weightBytes(); }
    std::optional<std::string> licence() const override { return m_source->licence(); }
    const GgufTokenizer* ggufTokenizer() const noexcept override { return m_source->ggufTokenizer(); }
    std::span<const NewToken> newTokens() const noexcept override { return m_tokens; }

private:
    [[nodiscard]] bool hasGrown(ParamId id) const noexcept;
    [[nodiscard]] const std::vector<float>& meanOf(ParamId id) const;

    std::unique_ptr<ModelSource> m_source;
    std::vector<NewToken> m_tokens;
    ModelShape m_shape;
    mutable std::once_flag m_meansMade[2];
    mutable std::vector<float> m_means[2];  ///< embedding, head
};

}  // namespace lorikeet::formats
