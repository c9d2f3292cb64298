// SPDX-License-Identifier: GPL-3.0-or-later
// Unicode normalization form C of pieces, with the origin of every character (UAX #15; data from utf8proc).
#pragma once

#include "engine/tokenizer/piece_text.h"

#include <string_view>

namespace lorikeet::tokenizer {

/// True when the text surely is in NFC already; a quick test that may say no too often.
[[nodiscard]] bool isSurelyNfc(std::string_view text) noexcept;

/// Puts the NFC form of a piece. Origins as Hugging Face's normalizer gives them: a composed character has the origin of
/// its first part, a part that is added has that of the character before it.
void putNfc(TextRewriter& rewriter, std::string_view text, const Piece& piece);

}  // namespace lorikeet::tokenizer
