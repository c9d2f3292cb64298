// SPDX-License-Identifier: GPL-3.0-or-later
// Tokenizers out of GGUF metadata, and back into the files of a Hugging Face folder.
#pragma once

#include "engine/tokenizer/tokenizer.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lorikeet::tokenizer {

/// The `tokenizer.ggml.*` keys of a GGUF file, as read (nothing checked).
struct GgufTokenizer {
    std::string source;                 ///< file name, for messages
    std::string model;                  ///< tokenizer.ggml.model: "gpt2" (byte BPE) or "llama" (SentencePiece by scores)
    std::string pre;                    ///< tokenizer.ggml.pre, chooses the split pattern of "gpt2"
    std::vector<std::string> tokens;    ///< by id
    std::vector<float> scores;          ///< by id, "llama" only
    std::vector<std::int32_t> tokenTypes;  ///< 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte; may be empty
    std::vector<std::string> merges;    ///< "left right", "gpt2" only
    std::optional<TokenId> bos, eos, eot, eom, unk, pad;
    std::optional<bool> addBos, addEos, addSpacePrefix;
    std::string chatTemplate;
    std::vector<NewToken> newTokens;  ///< of no file: added by a job
};

/// @throws Error{BadInput} naming the key: unknown model or pre, ids out of range, lists of different length, broken merges.
[[nodiscard]] std::unique_ptr<Tokenizer> tokenizerFromGguf(const GgufTokenizer& fields);

/// A tokenizer.json that Hugging Face loads with the same tokenization. @throws Error{BadInput} as tokenizerFromGguf.
[[nodiscard]] std::string tokenizerJsonFromGguf(const GgufTokenizer& fields);
/// The tokenizer_config.json beside it: names of the special tokens and the chat template. @throws Error{BadInput}
[[nodiscard]] std::string tokenizerConfigJsonFromGguf(const GgufTokenizer& fields);

/// The values of tokenizer.ggml.pre that tokenizerFromGguf knows.
[[nodiscard]] std::vector<std::string> knownGgufPreTokenizers();

}  // namespace lorikeet::tokenizer
