// SPDX-License-Identifier: GPL-3.0-or-later
// tokenizer.json of Hugging Face `tokenizers` (version 1.0): read into a TokenizerSpec, written from one.
#pragma once

#include "engine/tokenizer/tokenizer_spec.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace lorikeet::tokenizer {

constexpr std::uint64_t kTokenizerJsonLimit = std::uint64_t{256} << 20U;  // bytes

/// `source` is the file's name for messages. Roles other than the template's BOS and EOS are not set.
/// @throws Error{BadInput} for broken JSON, wrong types (with the path of the field) and component types that are not known.
[[nodiscard]] TokenizerSpec readTokenizerJson(std::string_view text, const std::string& source);

/// The same tokenizer as a file. Only for specs with ranked merges (BpeSpec).
[[nodiscard]] std::string writeTokenizerJson(const TokenizerSpec& spec);

}  // namespace lorikeet::tokenizer
