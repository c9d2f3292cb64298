// SPDX-License-Identifier: GPL-3.0-or-later
// Model folders of any size that cost no disk: configuration, a byte tokenizer, and a safetensors file that is one hole (all weights
// are zero).
#pragma once

#include "engine/spec/model_shape.h"

#include <filesystem>

namespace lorikeet::test {

/// Writes config.json and model.safetensors for `shape` into `folder`, and links the tokenizer's files of `tokenizerFolder` beside
/// them (made by tests/parity/make_tiny_model.py). @throws Error
void writeSparseModel(const std::filesystem::path& folder, const ModelShape& shape, const std::filesystem::path& tokenizerFolder);

/// A llama small enough for a plan of some ten MiB.
[[nodiscard]] ModelShape miniShape();

}  // namespace lorikeet::test
