// SPDX-License-Identifier: GPL-3.0-or-later
// Folders of the time before tokenizer.json: vocab.json + merges.txt, with a pipeline that the tokenizer's class implies.
#pragma once

#include "engine/tokenizer/tokenizer_config.h"
#include "engine/tokenizer/tokenizer_spec.h"

#include <filesystem>

namespace lorikeet::tokenizer {

/// True when the folder holds vocab.json and merges.txt.
[[nodiscard]] bool isLegacyFolder(const std::filesystem::path& folder);

/// The pipeline that transformers builds for GPT2Tokenizer, CodeGenTokenizer, GPTNeoXTokenizer and Qwen2Tokenizer (also with
/// "Fast"); no class is GPT2Tokenizer. Names of special tokens that the class implies are put into `config` where it has none.
/// @throws Error{BadInput} naming file and line for damage, and the class when it is another one.
[[nodiscard]] TokenizerSpec readLegacyFolder(const std::filesystem::path& folder, TokenizerConfig& config);

}  // namespace lorikeet::tokenizer
