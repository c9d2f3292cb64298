// SPDX-License-Identifier: GPL-3.0-or-later
// From what the GGUF reader gives to what this room takes.
#pragma once

#include "engine/formats/gguf_tokenizer.h"
#include "engine/tokenizer/gguf_tokenizer.h"

#include <limits>
#include <span>
#include <string>
#include <utility>

namespace lorikeet::tokenizer {

/// The fields of a GGUF file for tokenizerFromGguf(). `source` names the file in messages.
[[nodiscard]] inline GgufTokenizer ggufTokenizerFields(const formats::GgufTokenizer& read, std::string source,
                                                        std::span<const NewToken> added = {})
{
    const auto id = [](const std::optional<std::int64_t>& value) {
        // An id that does not fit becomes one that is refused.
        return value ? std::optional<TokenId>(*value < 0 || *value > std::numeric_limits<TokenId>::max()
                                                  ? TokenId{-1}
                                                  : static_cast<TokenId>(*value))
                     : std::nullopt;
    };
    GgufTokenizer fields;
    fields.source = std::move(source);
    fields.model = read.model;
    fields.pre = read.pre;
    fields.tokens = read.tokens;
    fields.scores = read.scores;
    fields.tokenTypes.reserve(read.tokenTypes.size());
    for (const formats::GgufTokenType type : read.tokenTypes) {
        fields.tokenTypes.push_back(static_cast<std::int32_t>(type));
    }
    fields.merges = read.merges;
    fields.bos = id(read.bosId);
    fields.eos = id(read.eosId);
    fields.eot = id(read.eotId);
    fields.eom = id(read.eomId);
    fields.unk = id(read.unknownId);
    fields.pad = id(read.paddingId);
    fields.addBos = read.addBos;
    fields.addEos = read.addEos;
    fields.addSpacePrefix = read.addSpacePrefix;
    fields.chatTemplate = read.chatTemplate;
    fields.newTokens.assign(added.begin(), added.end());
    return fields;
}

}  // namespace lorikeet::tokenizer
