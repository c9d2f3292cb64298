// SPDX-License-Identifier: GPL-3.0-or-later
// The two files, and the classes of transformers (models/*/tokenization_*.py) that say what surrounds them.
#include "engine/tokenizer/legacy_folder.h"

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/tokenizer/json_field.h"
#include "engine/tokenizer/tokenizer_json.h"
#include "engine/tokenizer/vocabulary.h"

namespace lorikeet::tokenizer {
namespace {

constexpr const char* kEndOfText = "<|endoftext|>";
constexpr const char* kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// Lines "left right" in the order of their rank; a first line "#version" and empty lines do not count.
std::vector<std::pair<std::string, std::string>> readMergesFile(const std::filesystem::path& path)
{
    const std::string text = readTextFile(path, kTokenizerJsonLimit);
    std::vector<std::pair<std::string, std::string>> merges;
    std::size_t number = 0;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        std::string line = text.substr(begin, end - begin);
        begin = end + 1;
        ++number;
        if (line.ends_with('\r')) {
            line.pop_back();
        }
        if (line.empty() || line.starts_with("#version")) {
            continue;
        }
        const std::size_t blank = line.find(' ');
        if (blank == std::string::npos || line.find(' ', blank + 1) != std::string::npos) {
            throw Error{ErrorCode::BadInput,
                        utf8(path) + ": line " + std::to_string(number) + ": expected two tokens with one blank between them, found \""
                            + line + "\"",
                        "the file is damaged; fetch it again"};
        }
        merges.emplace_back(line.substr(0, blank), line.substr(blank + 1));
    }
    return merges;
}

std::vector<std::pair<std::string, TokenId>> readVocabularyFile(const std::filesystem::path& path)
{
    const nlohmann::json document = parseJson(readTextFile(path, kTokenizerJsonLimit), utf8(path));
    if (!document.is_object()) {
        JsonField(document, utf8(path)).expected("an object");
    }
    std::vector<std::pair<std::string, TokenId>> vocabulary;
    vocabulary.reserve(document.size());
    for (const auto& [text, id] : document.items()) {
        const JsonField number(id, utf8(path) + ".\"" + text + "\"");
        vocabulary.emplace_back(text, static_cast<TokenId>(number.integer(kLargestTokenId)));
    }
    return vocabulary;
}

}  // namespace

bool isLegacyFolder(const std::filesystem::path& folder)
{
    std::error_code ignored;
    return std::filesystem::exists(folder / "vocab.json", ignored) && std::filesystem::exists(folder / "merges.txt", ignored);
}

TokenizerSpec readLegacyFolder(const std::filesystem::path& folder, TokenizerConfig& config)
{
    std::string name = config.className.value_or("GPT2Tokenizer");
    if (name.ends_with("Fast")) {
        name.resize(name.size() - 4);
    }
    const bool qwen = name == "Qwen2Tokenizer";
    const bool neox = name == "GPTNeoXTokenizer";
    if (!qwen && !neox && name != "GPT2Tokenizer" && name != "CodeGenTokenizer") {
        throw Error{ErrorCode::BadInput,
                    utf8(folder / "tokenizer_config.json") + ": tokenizer_class \"" + name
                        + "\" says nothing about how text is split before vocab.json and merges.txt are used",
                    "save the tokenizer with transformers once, which writes a tokenizer.json, and put that into the folder"};
    }
    TokenizerSpec spec;
    spec.source = utf8(folder);
    BpeSpec model;
    model.vocab = readVocabularyFile(folder / "vocab.json");
    model.merges = readMergesFile(folder / "merges.txt");
    spec.model = std::move(model);
    if (qwen || neox) {
        spec.normalizers.emplace_back(NormalFormSpec{NormalForm::Nfc});
    }
    if (qwen) {
        spec.preTokenizers.emplace_back(SplitSpec{{kQwen2Pattern, true}, SplitBehavior::Isolated, false});
    }
    spec.preTokenizers.emplace_back(ByteLevelSpec{config.addPrefixSpace, !qwen});
    spec.decoders.emplace_back(ByteLevelDecoderSpec{});
    config.eos = config.eos.value_or(kEndOfText);
    config.unk = config.unk.value_or(kEndOfText);
    if (qwen) {
        config.pad = config.pad.value_or(kEndOfText);
    } else {
        config.bos = config.bos.value_or(kEndOfText);
    }
    return spec;
}

}  // namespace lorikeet::tokenizer
