// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/generate/added_tokens.h"

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/formats/grown_source.h"
#include "engine/formats/safetensors_reader.h"
#include "engine/generate/model_text.h"
#include "engine/lora/peft_modules.h"

#include <algorithm>
#include <utility>

namespace lorikeet::generate {

namespace {

bool hasTokenizer(const std::filesystem::path& folder)
{
    std::error_code ignored;
    return std::filesystem::exists(folder / "tokenizer.json", ignored) || std::filesystem::exists(folder / "tokenizer.model", ignored);
}

bool hasTokenizer(const formats::ModelSource& source)
{
    return source.ggufTokenizer() != nullptr || hasTokenizer(std::filesystem::is_directory(source.path()) ? source.path() : source.path().parent_path());
}

/// Rows of the tables that the folder brings; 0: none.
std::int64_t tableRows(const std::filesystem::path& adapter)
{
    const formats::SafetensorsFile file(adapter / "adapter_model.safetensors");
    for (const ParamId id : {formats::embeddingId(), formats::headId()})
        if (const formats::SafeTensor* table = file.find(lora::moduleNameOf(id)); table && table->shape.size() == 2)
            return static_cast<std::int64_t>(std::min<std::uint64_t>(table->shape.front(), 1u << 24));
    return 0;
}

}  // namespace

AddedTokens addedTokensOf(const Job& job)
{
    AddedTokens added;
    for (const std::string& content : job.recipe.addedTokens)
        added.tokens.push_back({content, false});
    return added;
}

AddedTokens addedTokensOf(const std::filesystem::path& adapter, const formats::ModelSource& base)
{
    AddedTokens added;
    if (adapter.empty())
        return added;
    const std::int64_t rows = tableRows(adapter);
    if (rows == 0)
        return added;
    if (rows > base.shape().vocab)
        added.rows = rows;
    if (!hasTokenizer(adapter) || !hasTokenizer(base))
        return added;
    const ModelText own = loadModelText(base);
    const std::vector<tokenizer::AddedToken>& known = own.tokenizer->addedTokens();
    const auto theirs = tokenizer::loadTokenizer(adapter);
    for (const tokenizer::AddedToken& token : theirs->addedTokens())
        if (std::ranges::find(known, token.content, &tokenizer::AddedToken::content) == known.end())
            added.tokens.push_back({token.content, token.special});
    const ModelText grown = loadModelText(base, added.tokens);
    for (const NewToken& token : added.tokens)
        if (grown.tokenizer->idOf(token.content) != theirs->idOf(token.content))
            throw Error(ErrorCode::BadInput, utf8(adapter) + ": the tokenizer beside the adapter gives \"" + token.content + "\" another id than the base model's does with it",
                        "use the base model the adapter was trained on");
    return added;
}

void requireSameIds(const std::filesystem::path& adapter, const ModelText& text, const Job& job)
{
    if (job.recipe.addedTokens.empty() || !hasTokenizer(adapter))
        return;
    const auto theirs = tokenizer::loadTokenizer(adapter);
    for (const std::string& token : job.recipe.addedTokens)
        if (theirs->idOf(token) != text.tokenizer->idOf(token))
            throw Error(ErrorCode::BadInput, utf8(adapter) + " was trained with another id for the added token \"" + token + "\" than this job gives it",
                        "set recipe.added_tokens in the order in which the adapter was trained");
}

std::unique_ptr<formats::ModelSource> withTokens(std::unique_ptr<formats::ModelSource> source, AddedTokens added)
{
    if (!added.any())
        return source;
    std::int64_t needed = 0;
    if (!added.tokens.empty())
        needed = hasTokenizer(*source) ? static_cast<std::int64_t>(loadModelText(*source, added.tokens).tokenizer->vocabSize())
                                       : source->shape().vocab + static_cast<std::int64_t>(added.tokens.size());
    const std::int64_t vocab = std::max({source->shape().vocab, needed, added.rows});
    return std::make_unique<formats::GrownSource>(std::move(source), std::move(added.tokens), vocab);
}

}  // namespace lorikeet::generate
