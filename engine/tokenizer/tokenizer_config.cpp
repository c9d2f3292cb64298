// SPDX-License-Identifier: GPL-3.0-or-later
// Special tokens are written as "<s>" or {"content": "<s>", ...}; both are read.
#include "engine/tokenizer/tokenizer_config.h"

#include "engine/base/files.h"
#include "engine/tokenizer/json_field.h"
#include "engine/tokenizer/vocabulary.h"

#include <algorithm>
#include <charconv>

namespace lorikeet::tokenizer {
namespace {

using Lookup = std::function<std::optional<TokenId>(std::string_view)>;

void readName(const JsonField& field, std::optional<std::string>& name)
{
    if (name || field.isNull()) {
        return;
    }
    if (field.value().is_object()) {
        name = field["content"].string();
    } else {
        name = field.string();
    }
    if (name->empty()) {
        name.reset();
    }
}

void readNames(const JsonField& root, TokenizerConfig& config)
{
    readName(root["bos_token"], config.bos);
    readName(root["eos_token"], config.eos);
    readName(root["unk_token"], config.unk);
    readName(root["pad_token"], config.pad);
    for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
        const JsonField list = root[key];
        if (list.value().is_array() || list.value().is_object()) {  // names, or roles and names
            for (const auto& [role, value] : list.value().items()) {
                std::optional<std::string> name;
                readName(JsonField(value, list.place() + "." + role), name);
                config.extraSpecials.push_back(name.value_or(std::string()));
            }
        }
    }
}

std::optional<bool> optionalFlag(const JsonField& field)
{
    return field.isNull() ? std::nullopt : std::optional<bool>(field.boolean());
}

void readAddedTokens(const JsonField& field, TokenizerConfig& config)
{
    if (field.isNull()) {
        return;
    }
    if (!field.value().is_object()) {
        field.expected("an object");
    }
    for (const auto& [key, value] : field.value().items()) {
        const JsonField entry(value, field.place() + "." + key);
        AddedToken token;
        const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token.id);
        if (error != std::errc{} || end != key.data() + key.size() || token.id < 0 || token.id > kLargestTokenId) {
            entry.refuse("the key is not an id from 0 to " + std::to_string(kLargestTokenId));
        }
        token.content = entry["content"].string();
        token.special = entry["special"].boolean(false);
        token.lstrip = entry["lstrip"].boolean(false);
        token.rstrip = entry["rstrip"].boolean(false);
        token.singleWord = entry["single_word"].boolean(false);
        token.normalized = entry["normalized"].boolean(!token.special);
        config.addedTokens.push_back(std::move(token));
    }
}

/// {"content": id}; special when another file names the token as one.
void readOldAddedTokens(const JsonField& root, TokenizerConfig& config)
{
    std::vector<std::string> specials = config.extraSpecials;
    for (const auto& name : {config.bos, config.eos, config.unk, config.pad}) {
        specials.push_back(name.value_or(std::string()));
    }
    for (const auto& [content, id] : root.value().items()) {
        AddedToken token;
        token.id = static_cast<TokenId>(JsonField(id, root.place() + "." + content).integer(kLargestTokenId));
        token.content = content;
        token.special = std::find(specials.begin(), specials.end(), content) != specials.end();
        token.normalized = !token.special;
        config.addedTokens.push_back(std::move(token));
    }
}

/// One id or a list of ids.
void readIds(const JsonField& field, std::vector<TokenId>& ids)
{
    if (field.isNull()) {
        return;
    }
    const auto put = [&ids](const JsonField& id) { ids.push_back(static_cast<TokenId>(id.integer(kLargestTokenId))); };
    if (field.value().is_array()) {
        field.each(put);
    } else {
        put(field);
    }
}

/// Calls use(root) with the parsed file, if there is one.
template <typename Use>
void withFile(const std::filesystem::path& path, Use&& use)
{
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) {
        return;
    }
    const nlohmann::json document = parseJson(readTextFile(path, kTokenizerConfigLimit), utf8(path));
    const JsonField root(document, utf8(path));
    if (!document.is_object()) {
        root.expected("an object");
    }
    use(root);
}

}  // namespace

TokenizerConfig readTokenizerConfig(const std::filesystem::path& modelFolder)
{
    TokenizerConfig config;
    withFile(modelFolder / "tokenizer_config.json", [&config](const JsonField& root) {
        readNames(root, config);
        config.addBos = optionalFlag(root["add_bos_token"]);
        config.addEos = optionalFlag(root["add_eos_token"]);
        config.legacy = root["legacy"].boolean(true);
        readName(root["tokenizer_class"], config.className);
        config.addPrefixSpace = root["add_prefix_space"].boolean(false);
        readAddedTokens(root["added_tokens_decoder"], config);
    });
    withFile(modelFolder / "special_tokens_map.json", [&config](const JsonField& root) { readNames(root, config); });
    std::error_code ignored;
    if (config.addedTokens.empty() && !std::filesystem::exists(modelFolder / "tokenizer.json", ignored)) {
        withFile(modelFolder / "added_tokens.json", [&config](const JsonField& root) { readOldAddedTokens(root, config); });
    }
    withFile(modelFolder / "generation_config.json",
             [&config](const JsonField& root) { readIds(root["eos_token_id"], config.generationEos); });
    if (config.generationEos.empty()) {
        withFile(modelFolder / "config.json",
                 [&config](const JsonField& root) { readIds(root["eos_token_id"], config.generationEos); });
    }
    return config;
}

void addConfiguredTokens(std::vector<AddedToken>& tokens, const TokenizerConfig& config, const Lookup& idOf)
{
    const auto isKnown = [&tokens](const auto& content) {
        return std::find_if(tokens.begin(), tokens.end(), [&](const AddedToken& t) { return t.content == content; });
    };
    for (const AddedToken& token : config.addedTokens) {
        if (const auto known = isKnown(token.content); known != tokens.end()) {
            const TokenId id = known->id;
            *known = token;
            known->id = id;
        } else {
            tokens.push_back(token);
        }
    }
    std::vector<std::string> names = config.extraSpecials;
    for (const auto& name : {config.bos, config.eos, config.unk, config.pad}) {
        names.push_back(name.value_or(std::string()));
    }
    for (const std::string& name : names) {
        const auto id = idOf(name);
        if (const auto known = isKnown(name); known != tokens.end()) {
            known->special = true;
        } else if (id && !name.empty()) {
            tokens.push_back({*id, name, true, false, false, false, false});
        }
    }
}

void addNewTokens(std::vector<AddedToken>& tokens, std::span<const NewToken> added, TokenId words, const Lookup& idOf)
{
    TokenId next = words;
    for (const AddedToken& token : tokens) {
        next = std::max(next, token.id + 1);
    }
    for (const NewToken& token : added) {
        if (std::ranges::find(tokens, token.content, &AddedToken::content) != tokens.end()) {
            continue;
        }
        const std::optional<TokenId> known = idOf(token.content);
        tokens.push_back({known ? *known : next++, token.content, token.special, false, false, false, false});
    }
}

TokenRoles rolesOf(const TokenizerConfig& config, const std::optional<std::string>& templateBos,
                   const std::optional<std::string>& templateEos, const Lookup& idOf)
{
    const auto find = [&idOf](const std::optional<std::string>& name, const std::optional<std::string>& other) {
        const std::optional<TokenId> id = name ? idOf(*name) : std::nullopt;
        return id || !other ? id : idOf(*other);
    };
    TokenRoles roles;
    roles.bos = find(config.bos, templateBos);
    roles.eos = find(config.eos, templateEos);
    roles.unk = find(config.unk, {});
    roles.pad = find(config.pad, {});
    roles.addsBos = config.addBos.value_or(templateBos.has_value()) && roles.bos;
    roles.addsEos = config.addEos.value_or(templateEos.has_value()) && roles.eos;
    roles.stopIds = config.generationEos;
    if (roles.eos) {
        roles.stopIds.push_back(*roles.eos);
    }
    std::vector<TokenId> unique;
    for (const TokenId id : roles.stopIds) {
        if (std::find(unique.begin(), unique.end(), id) == unique.end()) {
            unique.push_back(id);
        }
    }
    roles.stopIds = std::move(unique);
    return roles;
}

}  // namespace lorikeet::tokenizer
