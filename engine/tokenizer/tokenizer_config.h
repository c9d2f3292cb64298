// SPDX-License-Identifier: GPL-3.0-or-later
// The files beside tokenizer.json that give tokens their roles: tokenizer_config.json, special_tokens_map.json (old),
// generation_config.json.
#pragma once

#include "engine/spec/new_token.h"
#include "engine/tokenizer/tokenizer_spec.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace lorikeet::tokenizer {

constexpr std::uint64_t kTokenizerConfigLimit = std::uint64_t{16} << 20U;  // bytes

/// What these files say, by name; ids are found by the caller's vocabulary.
struct TokenizerConfig {
    std::optional<std::string> bos, eos, unk, pad;
    std::optional<bool> addBos, addEos;
    std::optional<std::string> className;  ///< tokenizer_class
    bool addPrefixSpace = false;
    bool legacy = true;  ///< SentencePiece models: a blank is put in front of every part, not only of the first
    std::vector<AddedToken> addedTokens;      ///< added_tokens_decoder, and of old folders added_tokens.json
    std::vector<std::string> extraSpecials;  ///< additional_special_tokens, since transformers 5 extra_special_tokens
    std::vector<TokenId> generationEos;
    std::vector<NewToken> newTokens;  ///< of no file: added by a job
};

/// Missing files give an empty result. @throws Error{BadInput} naming file and field.
[[nodiscard]] TokenizerConfig readTokenizerConfig(const std::filesystem::path& modelFolder);

/// Adds tokens as Hugging Face `tokenizers` does: one that is added already stays as it is, a word of the vocabulary keeps its id, the
/// others get ids behind all there are. `words` is the size of the model's vocabulary, `idOf` looks into it.
void addNewTokens(std::vector<AddedToken>& tokens, std::span<const NewToken> added, TokenId words,
                  const std::function<std::optional<TokenId>(std::string_view)>& idOf);

/// Merges the added tokens of the files and makes the named special ones added tokens, as transformers does at load.
/// `idOf` is the vocabulary of the model.
void addConfiguredTokens(std::vector<AddedToken>& tokens, const TokenizerConfig& config,
                         const std::function<std::optional<TokenId>(std::string_view)>& idOf);

/// Roles by id; names that are no token give no role.
[[nodiscard]] TokenRoles rolesOf(const TokenizerConfig& config, const std::optional<std::string>& templateBos,
                                 const std::optional<std::string>& templateEos,
                                 const std::function<std::optional<TokenId>(std::string_view)>& idOf);

}  // namespace lorikeet::tokenizer
