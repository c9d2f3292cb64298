// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tokenizer/token_files.h"

#include "engine/base/error.h"
#include "engine/tokenizer/tokenizer.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace lorikeet::tokenizer {

namespace {

using Json = nlohmann::ordered_json;

Json flagsOf(const AddedToken& token)
{
    return {{"content", token.content}, {"single_word", token.singleWord}, {"lstrip", token.lstrip},
            {"rstrip", token.rstrip},   {"normalized", token.normalized},  {"special", token.special}};
}

void addToPipeline(Json& document, std::span<const AddedToken> added)
{
    Json& list = document["added_tokens"];
    for (const AddedToken& token : added) {
        const bool known = std::ranges::any_of(list, [&](const Json& entry) { return entry.value("content", "") == token.content; });
        if (known) {
            continue;
        }
        Json entry{{"id", token.id}};
        entry.update(flagsOf(token));
        list.push_back(std::move(entry));
    }
}

}  // namespace

std::string withAddedTokens(const std::string& name, std::string text, std::span<const AddedToken> added, bool listsAll)
{
    const bool pipeline = name == "tokenizer.json";
    const bool config = name == "tokenizer_config.json";
    if (added.empty() || !(pipeline || config || name == "added_tokens.json")) {
        return text;
    }
    Json document = Json::parse(text, nullptr, false);
    if (!document.is_object()) {
        throw Error{ErrorCode::BadInput, name + ": not a JSON object", kFetchTokenizer};
    }
    if (pipeline) {
        addToPipeline(document, added);
    }
    for (const AddedToken& token : added) {
        if (config && (listsAll || document.contains("added_tokens_decoder"))) {
            document["added_tokens_decoder"].emplace(std::to_string(token.id), flagsOf(token));
        } else if (!pipeline && !config) {
            document[token.content] = token.id;
        }
    }
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace lorikeet::tokenizer
