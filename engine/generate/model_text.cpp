// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/generate/model_text.h"

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/tokenizer/gguf_fields.h"
#include "engine/tokenizer/gguf_tokenizer.h"
#include "engine/tokenizer/token_files.h"

#include <algorithm>
#include <iterator>

namespace lorikeet::generate {

namespace {

constexpr std::uint64_t kLargestTokenizerFile = 256ull << 20;
constexpr const char* kTokenizerFiles[] = {"tokenizer.json",     "tokenizer.model",         "tokenizer_config.json",
                                           "chat_template.jinja", "special_tokens_map.json", "added_tokens.json",
                                           "vocab.json",         "merges.txt"};

std::filesystem::path folderOf(const formats::ModelSource& source)
{
    return std::filesystem::is_directory(source.path()) ? source.path() : source.path().parent_path();
}

/// The tokens that are new to the source's files, with the ids they got.
std::vector<tokenizer::AddedToken> addedBy(const formats::ModelSource& source)
{
    std::vector<tokenizer::AddedToken> added;
    if (source.newTokens().empty())
        return added;
    const ModelText text = loadModelText(source);
    for (const tokenizer::AddedToken& token : text.tokenizer->addedTokens())
        if (std::ranges::find(source.newTokens(), token.content, &NewToken::content) != source.newTokens().end())
            added.push_back(token);
    return added;
}

}  // namespace

tokenizer::RenderOptions ModelText::renderOptions() const
{
    tokenizer::RenderOptions options;
    const auto textOf = [&](std::optional<tokenizer::TokenId> id) -> std::optional<std::string> {
        if (!id)
            return std::nullopt;
        return tokenizer->pieceText(*id);
    };
    options.bosToken = textOf(tokenizer->bos());
    options.eosToken = textOf(tokenizer->eos());
    options.unkToken = textOf(tokenizer->unk());
    options.padToken = textOf(tokenizer->pad());
    for (const tokenizer::TokenId id : tokenizer->stopIds())
        options.endOfTurn.push_back(tokenizer->pieceText(id));
    return options;
}

ModelText loadModelText(const formats::ModelSource& source) { return loadModelText(source, source.newTokens()); }

ModelText loadModelText(const formats::ModelSource& source, std::span<const NewToken> added)
{
    ModelText text;
    if (const formats::GgufTokenizer* fields = source.ggufTokenizer()) {
        text.tokenizer = tokenizer::tokenizerFromGguf(tokenizer::ggufTokenizerFields(*fields, utf8(source.path().filename()), added));
        if (!fields->chatTemplate.empty())
            text.chatTemplate = tokenizer::ChatTemplate::parse(fields->chatTemplate, utf8(source.path()));
        return text;
    }
    const std::filesystem::path folder = folderOf(source);
    text.tokenizer = tokenizer::loadTokenizer(folder, added);
    if (const auto found = tokenizer::findChatTemplate(folder))
        text.chatTemplate = tokenizer::ChatTemplate::parse(found->source, utf8(found->file));
    return text;
}

void takeTemplateOf(const std::filesystem::path& adapter, ModelText& text)
{
    if (adapter.empty())
        return;
    if (const auto found = tokenizer::findChatTemplate(adapter))
        text.chatTemplate = tokenizer::ChatTemplate::parse(found->source, utf8(found->file));
}

std::vector<std::int32_t> promptTokens(const ModelText& text, const std::string& prompt, const std::string& system, bool chat)
{
    if (!chat || !text.chat()) {
        std::vector<std::int32_t> ids = text.tokenizer->encode(prompt, tokenizer::SpecialTokens::Parse);
        if (text.tokenizer->addsBos() && text.tokenizer->bos() && (ids.empty() || ids.front() != *text.tokenizer->bos()))
            ids.insert(ids.begin(), *text.tokenizer->bos());
        return ids;
    }
    nlohmann::ordered_json messages = nlohmann::ordered_json::array();
    if (!system.empty())
        messages.push_back({{"role", "system"}, {"content", system}});
    messages.push_back({{"role", "user"}, {"content", prompt}});
    tokenizer::RenderOptions render = text.renderOptions();
    render.addGenerationPrompt = true;
    return text.tokenizer->encode(text.chat()->render(messages, render).text, tokenizer::SpecialTokens::Parse);
}

std::vector<std::string> writeTokenizerFiles(const formats::ModelSource& source, const std::filesystem::path& folder)
{
    std::vector<std::string> written;
    const auto write = [&](const std::string& name, const std::string& text) {
        writeFileAtomically(folder / name, text);
        written.push_back(name);
    };
    if (const formats::GgufTokenizer* fields = source.ggufTokenizer()) {
        const tokenizer::GgufTokenizer own = tokenizer::ggufTokenizerFields(*fields, utf8(source.path().filename()), source.newTokens());
        write("tokenizer.json", tokenizer::tokenizerJsonFromGguf(own));
        write("tokenizer_config.json", tokenizer::tokenizerConfigJsonFromGguf(own));
        if (!fields->chatTemplate.empty())
            write("chat_template.jinja", fields->chatTemplate);
        return written;
    }
    const std::vector<tokenizer::AddedToken> added = addedBy(source);
    for (const char* name : kTokenizerFiles) {
        const std::filesystem::path file = folderOf(source) / name;
        if (std::filesystem::exists(file))
            write(name, tokenizer::withAddedTokens(name, readTextFile(file, kLargestTokenizerFile), added, !std::filesystem::exists(folderOf(source) / "tokenizer.json")));
    }
    return written;
}

bool isTokenizerFile(std::string_view name) { return std::ranges::find(kTokenizerFiles, name) != std::end(kTokenizerFiles); }

}  // namespace lorikeet::generate
