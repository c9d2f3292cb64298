// SPDX-License-Identifier: GPL-3.0-or-later
// The tokenizer a GGUF file carries in its metadata (tokenizer.ggml.*, tokenizer.chat_template), as plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lorikeet::formats {

class GgufFile;

/// What a token is (llama.cpp, llama_token_type).
enum class GgufTokenType : std::uint8_t { Undefined = 0, Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 };

struct GgufTokenizer {
    std::string model;                      ///< "gpt2" (byte-level BPE) or "llama" (SentencePiece)
    std::string pre;                        ///< tokenizer.ggml.pre: "smollm", "llama-bpe", "qwen2", ...; empty when absent
    std::vector<std::string> tokens;        ///< by id; bytes as the file has them
    std::vector<float> scores;              ///< by id; empty when absent
    std::vector<GgufTokenType> tokenTypes;  ///< by id; empty when absent
    std::vector<std::string> merges;        ///< "left right", in order of priority; empty for SentencePiece
    std::optional<std::int64_t> bosId, eosId, eotId, eomId, unknownId, separatorId, paddingId;
    std::optional<bool> addBos, addEos, addSpacePrefix, removeExtraWhitespaces;
    std::string chatTemplate;  ///< Jinja source; empty when absent
};

/// Copies the tokenizer out of the metadata. Ids are checked against the number of tokens, list lengths against each other.
/// @throws Error{BadInput} when the file has no tokenizer, or a list has the wrong type or length.
[[nodiscard]] GgufTokenizer readGgufTokenizer(const GgufFile& file);

}  // namespace lorikeet::formats
