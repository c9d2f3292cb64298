// SPDX-License-Identifier: GPL-3.0-or-later
// Which file of a model folder makes the tokenizer.
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/tokenizer/legacy_folder.h"
#include "engine/tokenizer/pipeline_tokenizer.h"
#include "engine/tokenizer/sentencepiece_tokenizer.h"
#include "engine/tokenizer/tokenizer.h"
#include "engine/tokenizer/tokenizer_config.h"
#include "engine/tokenizer/tokenizer_json.h"

#include <algorithm>
#include <unordered_map>

namespace lorikeet::tokenizer {
namespace {

std::unique_ptr<Tokenizer> fromSpec(TokenizerSpec spec, const TokenizerConfig& config)
{
    std::unordered_map<std::string_view, TokenId> vocabulary;
    for (const auto& [text, id] : std::get<BpeSpec>(spec.model).vocab) {
        vocabulary.emplace(text, id);
    }
    const auto inVocabulary = [&vocabulary](std::string_view name) {
        const auto found = vocabulary.find(name);
        return found == vocabulary.end() ? std::nullopt : std::optional<TokenId>(found->second);
    };
    addConfiguredTokens(spec.addedTokens, config, inVocabulary);
    TokenId words = 0;
    for (const auto& [text, id] : std::get<BpeSpec>(spec.model).vocab) {
        words = std::max(words, id + 1);
    }
    addNewTokens(spec.addedTokens, config.newTokens, words, inVocabulary);
    const auto idOf = [&](std::string_view name) {
        for (const AddedToken& token : spec.addedTokens) {
            if (token.content == name) {
                return std::optional<TokenId>(token.id);
            }
        }
        return inVocabulary(name);
    };
    spec.roles = rolesOf(config, spec.templateBos, spec.templateEos, idOf);
    return std::make_unique<PipelineTokenizer>(spec);
}

}  // namespace

std::unique_ptr<Tokenizer> loadTokenizer(const std::filesystem::path& modelFolder, std::span<const NewToken> added)
{
    TokenizerConfig config = readTokenizerConfig(modelFolder);
    config.newTokens.assign(added.begin(), added.end());
    std::error_code ignored;
    if (const auto json = modelFolder / "tokenizer.json"; std::filesystem::exists(json, ignored)) {
        return fromSpec(readTokenizerJson(readTextFile(json, kTokenizerJsonLimit), utf8(json)), config);
    }
    if (const auto model = modelFolder / "tokenizer.model"; std::filesystem::exists(model, ignored)) {
        return loadSentencePiece(model, config);
    }
    if (isLegacyFolder(modelFolder)) {
        TokenizerSpec spec = readLegacyFolder(modelFolder, config);
        return fromSpec(std::move(spec), config);
    }
    throw Error{ErrorCode::BadInput,
                utf8(modelFolder) + ": there is neither tokenizer.json nor tokenizer.model, nor vocab.json with merges.txt",
                "choose the folder of a whole model, with its tokenizer"};
}

}  // namespace lorikeet::tokenizer
