// SPDX-License-Identifier: GPL-3.0-or-later
// GGUF tokenizer fields as a TokenizerSpec: for running, and for writing as tokenizer.json.
#pragma once

#include "engine/tokenizer/gguf_tokenizer.h"
#include "engine/tokenizer/tokenizer_spec.h"

namespace lorikeet::tokenizer {

/// Checks all fields. "llama" models become ScoredPieceSpec. @throws Error{BadInput}
[[nodiscard]] TokenizerSpec specFromGguf(const GgufTokenizer& fields);

/// Ranked merges that give the same tokens as the scores: every way to split a piece into two known ones, best score first.
[[nodiscard]] BpeSpec rankedMerges(const ScoredPieceSpec& spec);

}  // namespace lorikeet::tokenizer
