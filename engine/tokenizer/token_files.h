// SPDX-License-Identifier: GPL-3.0-or-later
// The tokenizer files of a Hugging Face folder with tokens added to them.
#pragma once

#include "engine/tokenizer/tokenizer.h"

#include <span>
#include <string>

namespace lorikeet::tokenizer {

/// `text` of the file `name` with the tokens where that file lists such: "added_tokens" of tokenizer.json, "added_tokens_decoder" of
/// tokenizer_config.json (where it has one, or `listsAll`: there is no tokenizer.json beside it), added_tokens.json. Any other file, and every file without tokens to add, as it is. @throws Error{BadInput}
[[nodiscard]] std::string withAddedTokens(const std::string& name, std::string text, std::span<const AddedToken> added, bool listsAll);

}  // namespace lorikeet::tokenizer
