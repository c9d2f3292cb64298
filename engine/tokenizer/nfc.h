// SPDX-License-Identifier: GPL-3.0-or-later
// Unicode normalization forms of pieces, with the origin of every character (UAX #15; data from utf8proc).
#pragma once

#include "engine/tokenizer/piece_text.h"
#include "engine/tokenizer/tokenizer_spec.h"

#include <string_view>

namespace lorikeet::tokenizer {

/// True when the text surely is in that form already; a quick test that may say no too often.
[[nodiscard]] bool isSurelyNormal(std::string_view text, NormalForm form) noexcept;

/// Puts the form of a piece. Origins as Hugging Face's normalizer gives them: a composed character has the origin of
/// its first part, a part that is added has that of the character before it.
void putNormalForm(TextRewriter& rewriter, std::string_view text, const Piece& piece, NormalForm form);

}  // namespace lorikeet::tokenizer
