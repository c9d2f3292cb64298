// SPDX-License-Identifier: GPL-3.0-or-later
// config.json of a Hugging Face model to ModelShape: model types llama, mistral, qwen2, qwen3, granite, smollm3 and olmo2, and for planning
// only gemma, gemma2, gemma3, phi3, cohere, cohere2, glm, glm4 and stablelm, with the defaults of their classes (transformers 5
// configuration_*.py; 4.x spellings are read too). "Absent" means the class's default, null means "off".
#pragma once

#include "engine/spec/model_shape.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace lorikeet::formats {

/// `where` is the file in messages, `name` becomes ModelShape::name. Code that a model brings along (auto_map) is never run.
/// ModelShape::storage is `dtype` / `torch_dtype`, fp32 when absent. @throws Error{BadInput} for an unsupported model type, weights
/// quantised otherwise than by bitsandbytes to nf4 or int8, an unsupported activation, position scaling or attention variant, or a value of a wrong type or range.
[[nodiscard]] ModelShape shapeFromHfConfig(std::string_view json, const std::string& where, const std::string& name);

/// Reads a config.json (at most 16 MiB). The name is modelNameOf(path).
[[nodiscard]] ModelShape readHfConfig(const std::filesystem::path& path);

/// Display name of a model folder, config.json or other file: the repository's name inside a Hub cache
/// (models--org--NAME/snapshots/commit), else the folder's name, else the file's stem.
[[nodiscard]] std::string modelNameOf(const std::filesystem::path& path);

}  // namespace lorikeet::formats
