// SPDX-License-Identifier: GPL-3.0-or-later
// Parameters of the base model that were trained whole beside an adapter, as PEFT keeps them: modules_to_save in the configuration, the
// tensors under the model's own names. A head that is the embedding table is written as both, with ensure_weight_tying: so every version
// of PEFT computes the same, and those that know the key keep the tie.
#pragma once

#include "engine/formats/parameters.h"
#include "engine/formats/peft_config.h"
#include "engine/formats/safetensors_reader.h"
#include "engine/spec/model_shape.h"

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace lorikeet::lora {

/// What a PEFT folder brings whole.
struct WholeModules {
    std::vector<ParamId> ids;  ///< sorted; the one table of a tied model is the embedding
    bool apart = false;        ///< the model's head is its embedding table, but the adapter changes one and not the other, or both otherwise
};

/// What is to be written.
struct TrainedModules {
    std::vector<ParamId> ids;
    formats::ReadParameter read;  ///< the trained values
};

/// "base_model.model.model.norm.weight".
[[nodiscard]] std::string moduleNameOf(ParamId id);

/// Tensors of the file that are parameters of the base model. @throws Error{BadInput} for a linear map that was trained whole.
[[nodiscard]] std::size_t moduleTensors(const formats::SafetensorsFile& file, const ModelShape& shape);

/// Looks at shapes, and for a tied model at the values of both tables. @throws Error{BadInput} when a tensor does not fit the model.
[[nodiscard]] WholeModules findModules(const std::filesystem::path& folder, const ModelShape& shape);

/// Reads them (fp32, bf16 or fp16) from the folder, which may be moved away only after the reader is gone.
[[nodiscard]] formats::ReadParameter moduleReader(const std::filesystem::path& folder, const ModelShape& shape);

/// Fills modules_to_save and ensure_weight_tying.
void describeModules(formats::PeftConfig& config, const std::vector<ParamId>& ids, bool tiedHead);

/// Names under which a parameter is written: two for a tied table.
[[nodiscard]] std::vector<std::string> moduleNamesOf(ParamId id, bool tiedHead);

/// Calls piece(values) for the whole of a parameter in order, a few MiB at a time.
void readInPieces(const formats::ReadParameter& read, ParamId id, const ModelShape& shape, const std::function<void(std::span<const float>)>& piece);

}  // namespace lorikeet::lora
