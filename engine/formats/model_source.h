// SPDX-License-Identifier: GPL-3.0-or-later
// A base model on disk: a Hugging Face folder, a GGUF file or a bare config.json behind one interface. Headers are read and checked
// when it is opened; weights are read by offset, in blocks, into memory that the caller owns.
#pragma once

#include "engine/formats/gguf_tokenizer.h"
#include "engine/formats/parameters.h"
#include "engine/spec/model_shape.h"
#include "engine/spec/new_token.h"
#include "engine/spec/quantization.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace lorikeet::formats {

/// One tensor as the file describes it.
struct SourceTensor {
    std::string name;                 ///< name in the file
    std::string type;                 ///< storage type by its own name: "BF16", "F32", "Q4_1"; "NF4" and "INT8" of bitsandbytes
    std::optional<DType> dtype;       ///< the same as a DType where it is a plain element type (F32, F16, BF16)
    std::vector<std::int64_t> shape;  ///< outermost first
    std::uint64_t fileBytes = 0;
};

/// How a parameter that bitsandbytes quantised lies in the file.
struct StoredQuantization {
    Quantization kind = Quantization::None;
    bool doubleQuantization = false;
    bool sameMap = true;  ///< doubly quantised scales are codes of kSignedMap, but for the last bits of its values
};

/// The buffers of one quantised parameter, sized by quantizedSizes().
struct QuantisedBytes {
    std::span<std::uint8_t> codes;
    std::span<std::byte> absmax;  ///< of fp32, or of uint8 with double quantisation
    std::span<float> nested;      ///< with double quantisation only, as the next
    float* offset = nullptr;
};

/// Immutable after opening; every const function may be called from several threads at once.
class ModelSource {
public:
    virtual ~ModelSource() = default;
    ModelSource(const ModelSource&) = delete;
    ModelSource& operator=(const ModelSource&) = delete;

    [[nodiscard]] virtual const ModelShape& shape() const noexcept = 0;
    /// The folder or file it was opened from; of a model in the hub's cache the snapshot.
    [[nodiscard]] virtual const std::filesystem::path& path() const noexcept = 0;
    /// "safetensors", "gguf", or "config" for a bare config.json.
    [[nodiscard]] virtual std::string format() const = 0;
    /// False for a bare config.json (plan and random weights only).
    [[nodiscard]] virtual bool hasWeights() const noexcept = 0;
    /// @throws Error{BadInput} when the model has no such parameter or no weights.
    [[nodiscard]] virtual const SourceTensor& tensor(ParamId id) const = 0;

    /// Rows [firstRow, firstRow + rowCount) as fp32, row-major, in the order of the Hugging Face layout (the q/k permutation of GGUF
    /// undone), converted from any storage type in blocks of at most 256 KiB of scratch. `target` holds exactly
    /// rowCount * columns elements. @throws Error{BadInput} when the file ends early or vanished.
    virtual void readRows(ParamId id, std::int64_t firstRow, std::int64_t rowCount, std::span<float> target) const = 0;

    /// Reads the whole parameter as it lies in the file when its storage type is `dtype` and its rows need no re-ordering; returns
    /// false, with nothing written, otherwise. `target` holds exactly rows * columns elements.
    [[nodiscard]] virtual bool readRaw(ParamId id, DType dtype, std::span<std::byte> target) const = 0;

    /// Whether readQuantised can give it, and as what.
    [[nodiscard]] virtual StoredQuantization storedQuantization(ParamId /*id*/) const { return {}; }
    /// Codes and scales of a parameter with a stored quantization, as they lie in the file. @throws Error{BadInput} when a scale is not
    /// finite or the file ends early, Error{Internal} for a parameter without one.
    virtual void readQuantised(ParamId id, const QuantisedBytes& target) const;

    /// Every file the model was read from (configuration, index, weights), in a fixed order, for hashing.
    [[nodiscard]] virtual std::vector<std::filesystem::path> files() const = 0;
    /// Bytes of all weight files.
    [[nodiscard]] virtual std::uint64_t weightBytes() const noexcept = 0;
    /// As the file or the README's front matter states it ("apache-2.0").
    [[nodiscard]] virtual std::optional<std::string> licence() const = 0;
    /// The tokenizer a GGUF file carries; nullptr for a folder, whose tokenizer files lie beside the weights.
    [[nodiscard]] virtual const GgufTokenizer* ggufTokenizer() const noexcept { return nullptr; }
    /// What is added to that tokenizer.
    [[nodiscard]] virtual std::span<const NewToken> newTokens() const noexcept { return {}; }

protected:
    ModelSource() = default;
};

/// `path` is a folder with config.json, a config.json, a .gguf file, or the folder of a model in the hub's cache (hub_cache.h), which stands for its snapshot. Everything but the weights' values is checked here: each
/// required tensor is there with the shape the configuration asks for; tensors the model does not know by role (rotary_emb.inv_freq, a
/// stray lm_head.weight of a tied model) are ignored, any other unknown tensor is refused by name. A folder of a family that is only
/// planned for opens as its configuration: runnableFamily() of its shape tells.
/// @throws Error{BadInput} saying what, where, expected and found.
[[nodiscard]] std::unique_ptr<ModelSource> openModelSource(const std::filesystem::path& path);

}  // namespace lorikeet::formats
