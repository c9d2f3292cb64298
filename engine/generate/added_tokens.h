// SPDX-License-Identifier: GPL-3.0-or-later
// Base models with the tokens that a job or an adapter adds to them.
#pragma once

#include "engine/formats/model_source.h"
#include "engine/generate/model_text.h"
#include "engine/spec/job.h"
#include "engine/spec/new_token.h"

#include <filesystem>
#include <memory>
#include <vector>

namespace lorikeet::generate {

struct AddedTokens {
    std::vector<NewToken> tokens;
    std::int64_t rows = 0;  ///< the tables have at least so many

    [[nodiscard]] bool any() const noexcept { return !tokens.empty() || rows > 0; }
};

/// recipe.added_tokens: words of the text, not marks, as transformers' add_tokens makes them.
[[nodiscard]] AddedTokens addedTokensOf(const Job& job);
/// What a PEFT folder adds to its base: the tokens of the tokenizer beside it that the base's has not, in the order of their ids, and the
/// rows of the tables that it brings whole. Nothing for an empty path. @throws Error{BadInput}
[[nodiscard]] AddedTokens addedTokensOf(const std::filesystem::path& adapter, const formats::ModelSource& base);

/// The tokenizer beside an adapter, where there is one, gives the job's added tokens the ids that `text` gives them.
/// @throws Error{BadInput} naming the token.
void requireSameIds(const std::filesystem::path& adapter, const ModelText& text, const Job& job);

/// The source with the tokens. Its tables grow only where they have fewer rows than the tokenizer has tokens, as with
/// resize_token_embeddings(len(tokenizer)); a model without a tokenizer is taken to have none of the tokens. @throws Error{BadInput}
[[nodiscard]] std::unique_ptr<formats::ModelSource> withTokens(std::unique_ptr<formats::ModelSource> source, AddedTokens added);

}  // namespace lorikeet::generate
