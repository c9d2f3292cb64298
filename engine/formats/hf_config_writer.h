// SPDX-License-Identifier: GPL-3.0-or-later
// ModelShape to a config.json that transformers loads, for models whose base brought none (GGUF files).
#pragma once

#include "engine/spec/model_shape.h"

#include <cstdint>
#include <optional>
#include <string>

namespace lorikeet::formats {

/// The text of a config.json of a llama, mistral, qwen2 or qwen3 model (transformers 5, configuration_*.py), with `dtype` as the weights'
/// type. @throws Error{Internal} for another family.
[[nodiscard]] std::string hfConfigOf(const ModelShape& shape, DType dtype, std::optional<std::int64_t> bos, std::optional<std::int64_t> eos);

/// "bfloat16", "float32", "float16", as config.json and torch call them.
[[nodiscard]] const char* torchNameOf(DType dtype);

}  // namespace lorikeet::formats
