// SPDX-License-Identifier: GPL-3.0-or-later
// tokenizer.model files (SentencePiece, Kudo and Richardson 2018, arXiv:1808.06226) by the original library.
#pragma once

#include "engine/tokenizer/tokenizer.h"
#include "engine/tokenizer/tokenizer_config.h"

#include <cstdint>
#include <filesystem>
#include <memory>

namespace lorikeet::tokenizer {

constexpr std::uint64_t kSentencePieceLimit = std::uint64_t{256} << 20U;  // bytes

/// Control and unknown pieces of the model and the added tokens of `config` are special tokens around the library, which
/// encodes what lies between them. With config.legacy every part gets the model's blank prefix, else only the first one.
/// @throws Error{BadInput} when the file is no SentencePiece model or its ids contradict the added tokens.
[[nodiscard]] std::unique_ptr<Tokenizer> loadSentencePiece(const std::filesystem::path& path, const TokenizerConfig& config);

}  // namespace lorikeet::tokenizer
