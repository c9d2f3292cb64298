// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/gguf_tokenizer.h"

#include "engine/formats/gguf_reader.h"

namespace lorikeet::formats {

namespace {

constexpr const char* kTokensKey = "tokenizer.ggml.tokens";

const std::vector<std::string>* textList(const GgufFile& file, const char* key)
{
    const GgufValue* value = file.value(key);
    if (value == nullptr)
        return nullptr;
    const auto* list = std::get_if<std::vector<std::string>>(value);
    if (list == nullptr)
        file.refuse("metadata '" + std::string(key) + "' is not a list of strings");
    return list;
}

void requireLength(const GgufFile& file, const char* key, std::size_t found, std::size_t expected)
{
    if (found != expected)
        file.refuse("'" + std::string(key) + "' has " + std::to_string(found) + " entries, expected " + std::to_string(expected)
                    + " as '" + kTokensKey + "'");
}

std::vector<float> readScores(const GgufFile& file, std::size_t tokens)
{
    constexpr const char* kKey = "tokenizer.ggml.scores";
    const GgufValue* value = file.value(kKey);
    if (value == nullptr)
        return {};
    const auto* list = std::get_if<std::vector<double>>(value);
    if (list == nullptr)
        file.refuse("metadata '" + std::string(kKey) + "' is not a list of numbers");
    requireLength(file, kKey, list->size(), tokens);
    return {list->begin(), list->end()};
}

std::vector<GgufTokenType> readTypes(const GgufFile& file, std::size_t tokens)
{
    constexpr const char* kKey = "tokenizer.ggml.token_type";
    const GgufValue* value = file.value(kKey);
    if (value == nullptr)
        return {};
    std::vector<std::int64_t> numbers;
    if (const auto* wholes = std::get_if<std::vector<std::int64_t>>(value))
        numbers = *wholes;
    else if (const auto* naturals = std::get_if<std::vector<std::uint64_t>>(value))
        numbers.assign(naturals->begin(), naturals->end());
    else
        file.refuse("metadata '" + std::string(kKey) + "' is not a list of integers");
    requireLength(file, kKey, numbers.size(), tokens);
    std::vector<GgufTokenType> types;
    types.reserve(numbers.size());
    for (const std::int64_t number : numbers) {
        if (number < 0 || number > 6)
            file.refuse("token " + std::to_string(types.size()) + " has the unknown type " + std::to_string(number) + ", expected 0 to 6");
        types.push_back(static_cast<GgufTokenType>(number));
    }
    return types;
}

std::optional<std::int64_t> readId(const GgufFile& file, const char* name, std::size_t tokens)
{
    const std::string key = std::string("tokenizer.ggml.") + name;
    const auto id = file.integer(key);
    // 0xFFFFFFFF and -1 mean "none" to older converters
    if (!id || *id == -1 || *id == 0xFFFFFFFFLL)
        return std::nullopt;
    if (*id < 0 || static_cast<std::uint64_t>(*id) >= tokens)
        file.refuse("'" + key + "' is " + std::to_string(*id) + ", but there are " + std::to_string(tokens) + " tokens");
    return id;
}

void readIds(const GgufFile& file, GgufTokenizer& tokenizer)
{
    const std::size_t tokens = tokenizer.tokens.size();
    tokenizer.bosId = readId(file, "bos_token_id", tokens);
    tokenizer.eosId = readId(file, "eos_token_id", tokens);
    tokenizer.eotId = readId(file, "eot_token_id", tokens);
    tokenizer.eomId = readId(file, "eom_token_id", tokens);
    tokenizer.unknownId = readId(file, "unknown_token_id", tokens);
    tokenizer.separatorId = readId(file, "seperator_token_id", tokens);  // spelt so in gguf-py
    tokenizer.paddingId = readId(file, "padding_token_id", tokens);
}

}  // namespace

GgufTokenizer readGgufTokenizer(const GgufFile& file)
{
    GgufTokenizer tokenizer;
    const std::vector<std::string>* tokens = textList(file, kTokensKey);
    if (tokens == nullptr || tokens->empty())
        file.refuse("the file carries no tokenizer (no '" + std::string(kTokensKey) + "')", "choose a complete GGUF model");
    tokenizer.tokens = *tokens;
    tokenizer.model = file.text("tokenizer.ggml.model").value_or("");
    tokenizer.pre = file.text("tokenizer.ggml.pre").value_or("");
    tokenizer.scores = readScores(file, tokens->size());
    tokenizer.tokenTypes = readTypes(file, tokens->size());
    if (const auto* merges = textList(file, "tokenizer.ggml.merges"))
        tokenizer.merges = *merges;
    readIds(file, tokenizer);
    tokenizer.addBos = file.boolean("tokenizer.ggml.add_bos_token");
    tokenizer.addEos = file.boolean("tokenizer.ggml.add_eos_token");
    tokenizer.addSpacePrefix = file.boolean("tokenizer.ggml.add_space_prefix");
    tokenizer.removeExtraWhitespaces = file.boolean("tokenizer.ggml.remove_extra_whitespaces");
    tokenizer.chatTemplate = file.text("tokenizer.chat_template").value_or("");
    return tokenizer;
}

}  // namespace lorikeet::formats
