// SPDX-License-Identifier: GPL-3.0-or-later
// One quantised weight of a bitsandbytes checkpoint: its tensors found and checked, read as numbers or as the bytes they are.
#pragma once

#include "engine/formats/bnb_quant_state.h"
#include "engine/formats/model_source.h"
#include "engine/formats/safetensors_index.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace lorikeet::formats {

// Beside an int8 weight `W.weight`, int8 [rows, cols]:
//   W.SCB            fp32 [rows]: largest magnitude of each row; a value is code * SCB / 127
//   W.weight_format  uint8 []: 0, rows as they are (older ones shuffle for a GPU's kernels)
// Codes of NF4 may be stored under another element type (bnb_4bit_quant_storage); the bytes are the same.

/// Immutable; the folder must outlive it.
class BnbWeight {
public:
    /// The weight `name` (ends with ".weight") of rows x cols elements; nothing when it is not quantised. `where` names the folder.
    /// @throws Error{BadInput} naming the tensor: fp4, a missing, misshapen or mistyped part, a map that is not NF4's or not finite.
    [[nodiscard]] static std::optional<BnbWeight> find(const SafetensorsFolder& folder, const std::string& name, std::int64_t rows, std::int64_t cols,
                                                       const std::string& where);

    [[nodiscard]] StoredQuantization stored() const noexcept { return m_stored; }
    /// Of the weight before it was quantised; int8 does not say.
    [[nodiscard]] std::optional<DType> dtype() const noexcept { return m_dtype; }
    /// Its tensors in the file, the codes first.
    [[nodiscard]] const std::vector<std::string>& names() const noexcept { return m_names; }
    [[nodiscard]] std::uint64_t fileBytes() const noexcept { return m_fileBytes; }

    /// Elements [first, first + target.size()), row-major, as fp32 products of code and scale. (bitsandbytes rounds these to the dtype of
    /// its state.) @throws Error{BadInput} when a scale is not finite or the file ends early.
    void readElements(std::int64_t first, std::span<float> target) const;
    /// Codes and scales as they are. @throws Error{BadInput} as readElements; Error{Internal} for spans of other lengths than quantizedSizes().
    void readQuantised(const QuantisedBytes& target) const;

private:
    explicit BnbWeight(std::string where) : m_where(std::move(where)) {}
    [[nodiscard]] SafetensorsLocation part(const SafetensorsFolder& folder, const std::string& name, SafeType type, std::int64_t count);
    void addNf4(const SafetensorsFolder& folder, const std::string& name, std::int64_t rows, std::int64_t cols);
    void addNested(const SafetensorsFolder& folder, const std::string& name, float offset);
    void addInt8(const SafetensorsFolder& folder, const std::string& name);
    void requireFinite(std::span<const float> scales) const;
    [[nodiscard]] std::vector<float> scales(std::int64_t first, std::int64_t count) const;
    [[noreturn]] void refuse(const std::string& what) const;

    std::string m_where;  ///< folder and tensor, for messages
    StoredQuantization m_stored;
    std::optional<DType> m_dtype;
    QuantizedSizes m_sizes;
    std::int64_t m_cols = 0;
    SafetensorsLocation m_codes;
    SafetensorsLocation m_absmax;
    SafetensorsLocation m_nested;
    std::array<float, 256> m_map{};
    float m_offset = 0;
    std::vector<std::string> m_names;
    std::uint64_t m_fileBytes = 0;
};

}  // namespace lorikeet::formats
