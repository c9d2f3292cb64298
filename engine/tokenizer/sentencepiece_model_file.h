// SPDX-License-Identifier: GPL-3.0-or-later
// The few fields of a SentencePiece model file that the library does not tell (sentencepiece_model.proto).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lorikeet::tokenizer {

struct SentencePieceFlags {
    bool addDummyPrefix = true;
    bool removeExtraWhitespaces = true;
    bool hasDenormalizer = false;
    std::string unkSurface = " \u2047 ";
};

/// Reads the wire format. @throws Error{BadInput} when `bytes` is not a protobuf message; `source` names the file.
[[nodiscard]] SentencePieceFlags readSentencePieceFlags(std::string_view bytes, const std::string& source);

/// The same model without the blank in front of the text.
[[nodiscard]] std::string withoutDummyPrefix(std::string_view bytes);

}  // namespace lorikeet::tokenizer
