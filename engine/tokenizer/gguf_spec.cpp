// SPDX-License-Identifier: GPL-3.0-or-later
// What each tokenizer.ggml.model and .pre stands for. Patterns: the tokenizer.json of the models that llama.cpp's names mean.
#include "engine/tokenizer/gguf_spec.h"

#include "engine/base/error.h"
#include "engine/tokenizer/unicode.h"
#include "engine/tokenizer/tokenizer_config.h"
#include "engine/tokenizer/vocabulary.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace lorikeet::tokenizer {
namespace {

constexpr std::int32_t kUndefined = 0, kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4;  // 5 unused, 6 byte

/// Deriving merges takes the square of a piece's length; SentencePiece's own limit is 16 characters unless it is told otherwise.
constexpr std::size_t kLongestScoredPiece = 1024;

[[noreturn]] void refuse(const GgufTokenizer& fields, const std::string& key, const std::string& what)
{
    throw Error{ErrorCode::BadInput, fields.source + ": tokenizer.ggml." + key + ": " + what,
                "convert the model to GGUF again, or use its original folder"};
}

#define LORIKEET_CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define LORIKEET_TAIL "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define LORIKEET_CASED_LOWER "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
#define LORIKEET_CASED_UPPER "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
#define LORIKEET_CASED_TAIL "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

constexpr const char* kLlama3 =
    LORIKEET_CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}" LORIKEET_TAIL;
constexpr const char* kQwen2 = LORIKEET_CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" LORIKEET_TAIL;
constexpr const char* kQwen35 = LORIKEET_CONTRACTIONS
    "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
constexpr const char* kGpt4o = LORIKEET_CASED_LOWER LORIKEET_CONTRACTIONS "?|" LORIKEET_CASED_UPPER LORIKEET_CONTRACTIONS
                                                                          "?|\\p{N}{1,3}" LORIKEET_CASED_TAIL;
constexpr const char* kTekken = LORIKEET_CASED_LOWER "|" LORIKEET_CASED_UPPER "|\\p{N}" LORIKEET_CASED_TAIL;

struct KnownPre {
    const char* name;
    enum class Kind { Gpt2, DigitsGpt2, Split } kind;
    const char* pattern;  ///< Split only
    bool nfc;
    bool ignoreMerges;
    bool addsBos;  ///< unless tokenizer.ggml.add_bos_token says otherwise
};

constexpr KnownPre kKnownPres[] = {
    {"gpt-2", KnownPre::Kind::Gpt2, nullptr, false, false, false},
    {"olmo", KnownPre::Kind::Gpt2, nullptr, true, false, false},
    {"smollm", KnownPre::Kind::DigitsGpt2, nullptr, false, false, false},
    {"starcoder", KnownPre::Kind::DigitsGpt2, nullptr, false, false, false},
    {"refact", KnownPre::Kind::DigitsGpt2, nullptr, false, false, false},
    {"llama-bpe", KnownPre::Kind::Split, kLlama3, false, true, true},
    {"llama-v3", KnownPre::Kind::Split, kLlama3, false, true, true},
    {"llama3", KnownPre::Kind::Split, kLlama3, false, true, true},
    {"dbrx", KnownPre::Kind::Split, kLlama3, false, false, false},
    {"smaug-bpe", KnownPre::Kind::Split, kLlama3, false, false, false},
    {"qwen2", KnownPre::Kind::Split, kQwen2, true, false, false},
    {"deepseek-r1-qwen", KnownPre::Kind::Split, kQwen2, true, false, false},
    {"stablelm2", KnownPre::Kind::Split, kQwen2, true, false, false},
    {"qwen35", KnownPre::Kind::Split, kQwen35, true, false, false},
    {"gpt-4o", KnownPre::Kind::Split, kGpt4o, false, false, false},
    {"tekken", KnownPre::Kind::Split, kTekken, false, true, true},
};

std::int32_t typeOf(const GgufTokenizer& fields, std::size_t id)
{
    return fields.tokenTypes.empty() ? kNormal : fields.tokenTypes[id];
}

void checkTokens(const GgufTokenizer& fields)
{
    const std::size_t count = fields.tokens.size();
    if (count == 0 || count > static_cast<std::size_t>(kLargestTokenId)) {
        refuse(fields, "tokens", "has " + std::to_string(count) + " entries");
    }
    if (!fields.tokenTypes.empty() && fields.tokenTypes.size() != count) {
        refuse(fields, "token_type", "has " + std::to_string(fields.tokenTypes.size()) + " entries, tokens has "
                                         + std::to_string(count));
    }
    for (std::size_t id = 0; id < count; ++id) {
        if (fields.tokens[id].empty() || firstInvalidUtf8(fields.tokens[id]) != std::string_view::npos) {
            refuse(fields, "tokens", "token " + std::to_string(id) + " is empty or not UTF-8");
        }
    }
    const auto check = [&](const char* key, const std::optional<TokenId>& id) {
        if (id && (*id < 0 || static_cast<std::size_t>(*id) >= count)) {
            refuse(fields, key, "is " + std::to_string(*id) + ", expected 0 to " + std::to_string(count - 1));
        }
    };
    check("bos_token_id", fields.bos);
    check("eos_token_id", fields.eos);
    check("eot_token_id", fields.eot);
    check("eom_token_id", fields.eom);
    check("unknown_token_id", fields.unk);
    check("padding_token_id", fields.pad);
}

/// The text of a token; user-defined ones of "llama" models spell blanks as U+2581.
std::string textOf(const GgufTokenizer& fields, std::size_t id)
{
    std::string text = fields.tokens[id];
    if (fields.model == "llama" && typeOf(fields, id) == kUserDefined) {
        for (std::size_t at = text.find("\u2581"); at != std::string::npos; at = text.find("\u2581", at + 1)) {
            text.replace(at, 3, " ");
        }
    }
    return text;
}

/// Control tokens are special, user-defined ones are not.
void addTokens(const GgufTokenizer& fields, TokenizerSpec& spec)
{
    for (std::size_t id = 0; id < fields.tokens.size(); ++id) {
        const std::int32_t type = typeOf(fields, id);
        const bool special = type == kControl || (type == kUnknown && fields.model == "llama");
        if (special || type == kUserDefined) {
            spec.addedTokens.push_back({static_cast<TokenId>(id), textOf(fields, id), special, false, false, false, false});
        }
    }
}

void setRoles(const GgufTokenizer& fields, bool addsBosByDefault, TokenizerSpec& spec)
{
    TokenRoles& roles = spec.roles;
    roles.bos = fields.bos;
    roles.eos = fields.eos;
    roles.unk = fields.unk;
    roles.pad = fields.pad;
    roles.addsBos = fields.addBos.value_or(addsBosByDefault) && fields.bos;
    roles.addsEos = fields.addEos.value_or(false) && fields.eos;
    for (const auto& id : {fields.eos, fields.eot, fields.eom}) {
        if (id && std::find(roles.stopIds.begin(), roles.stopIds.end(), *id) == roles.stopIds.end()) {
            roles.stopIds.push_back(*id);
        }
    }
    if (roles.addsBos) {
        spec.templateBos = fields.tokens[static_cast<std::size_t>(*fields.bos)];
    }
    if (roles.addsEos) {
        spec.templateEos = fields.tokens[static_cast<std::size_t>(*fields.eos)];
    }
}

void setByteLevel(const GgufTokenizer& fields, TokenizerSpec& spec)
{
    const auto* known = std::find_if(std::begin(kKnownPres), std::end(kKnownPres),
                                     [&fields](const KnownPre& pre) { return fields.pre == pre.name; });
    if (known == std::end(kKnownPres)) {
        refuse(fields, "pre", "\"" + fields.pre + "\" is not known, so text would be split in the wrong places");
    }
    if (known->nfc) {
        spec.normalizers.emplace_back(NormalFormSpec{NormalForm::Nfc});
    }
    if (known->kind == KnownPre::Kind::Split) {
        spec.preTokenizers.emplace_back(SplitSpec{{known->pattern, true}, SplitBehavior::Isolated, false});
    } else if (known->kind == KnownPre::Kind::DigitsGpt2) {
        spec.preTokenizers.emplace_back(DigitsSpec{true});
    }
    spec.preTokenizers.emplace_back(ByteLevelSpec{false, known->kind != KnownPre::Kind::Split});
    spec.decoders.emplace_back(ByteLevelDecoderSpec{});
    BpeSpec model;
    model.ignoreMerges = known->ignoreMerges;
    for (std::size_t id = 0; id < fields.tokens.size(); ++id) {
        model.vocab.emplace_back(fields.tokens[id], static_cast<TokenId>(id));
    }
    model.merges.reserve(fields.merges.size());
    for (std::size_t i = 0; i < fields.merges.size(); ++i) {
        // The blank that separates is not the first byte: a left token could begin with one in odd vocabularies.
        const std::size_t blank = fields.merges[i].find(' ', 1);
        if (blank == std::string::npos || blank + 1 == fields.merges[i].size()) {
            refuse(fields, "merges", "merge " + std::to_string(i) + " is \"" + fields.merges[i] + "\", expected \"left right\"");
        }
        model.merges.emplace_back(fields.merges[i].substr(0, blank), fields.merges[i].substr(blank + 1));
    }
    spec.model = std::move(model);
    addTokens(fields, spec);
    setRoles(fields, known->addsBos, spec);
}

ScoredPieceSpec scoredPieces(const GgufTokenizer& fields)
{
    if (fields.scores.size() != fields.tokens.size()) {
        refuse(fields, "scores", "has " + std::to_string(fields.scores.size()) + " entries, tokens has "
                                     + std::to_string(fields.tokens.size()));
    }
    ScoredPieceSpec model;
    std::optional<TokenId> unk = fields.unk;
    model.pieces.reserve(fields.tokens.size());
    for (std::size_t id = 0; id < fields.tokens.size(); ++id) {
        const std::int32_t type = typeOf(fields, id);
        const bool mergeable = type == kNormal || type == kUndefined;
        if (mergeable && std::isnan(fields.scores[id])) {
            refuse(fields, "scores", "the score of token " + std::to_string(id) + " is not a number");
        }
        if (mergeable && fields.tokens[id].size() > kLongestScoredPiece) {
            refuse(fields, "tokens", "token " + std::to_string(id) + " has " + std::to_string(fields.tokens[id].size())
                                         + " bytes, expected at most " + std::to_string(kLongestScoredPiece));
        }
        model.pieces.push_back({textOf(fields, id), fields.scores[id], mergeable});
        if (type == kUnknown && !unk) {
            unk = static_cast<TokenId>(id);
        }
    }
    model.unk = unk.value_or(0);
    return model;
}

ReplaceSpec replacing(const char* from, const char* to)
{
    ReplaceSpec spec;
    spec.pattern.text = from;
    spec.content = to;
    return spec;
}

void setSentencePiece(const GgufTokenizer& fields, TokenizerSpec& spec)
{
    const bool prefix = fields.addSpacePrefix.value_or(true);
    if (prefix) {
        spec.normalizers.emplace_back(PrependSpec{"\u2581"});
    }
    spec.normalizers.emplace_back(replacing(" ", "\u2581"));
    spec.decoders.emplace_back(replacing("\u2581", " "));
    spec.decoders.emplace_back(ByteFallbackDecoderSpec{});
    spec.decoders.emplace_back(FuseDecoderSpec{});
    if (prefix) {
        spec.decoders.emplace_back(StripDecoderSpec{" ", 1, 0});
    }
    ScoredPieceSpec model = scoredPieces(fields);
    const TokenId unk = model.unk;
    spec.model = std::move(model);
    addTokens(fields, spec);
    setRoles(fields, true, spec);
    spec.roles.unk = unk;
}

}  // namespace

std::vector<std::string> knownGgufPreTokenizers()
{
    std::vector<std::string> names;
    for (const KnownPre& pre : kKnownPres) {
        names.emplace_back(pre.name);
    }
    return names;
}

TokenizerSpec specFromGguf(const GgufTokenizer& fields)
{
    checkTokens(fields);
    TokenizerSpec spec;
    spec.source = fields.source;
    if (fields.model == "gpt2") {
        setByteLevel(fields, spec);
    } else if (fields.model == "llama") {
        setSentencePiece(fields, spec);
    } else {
        refuse(fields, "model", "\"" + fields.model + "\" is not supported; gpt2 and llama are");
    }
    const auto idOf = [&fields](std::string_view text) {
        const auto found = std::ranges::find(fields.tokens, text);
        return found == fields.tokens.end() ? std::nullopt : std::optional(static_cast<TokenId>(found - fields.tokens.begin()));
    };
    addNewTokens(spec.addedTokens, fields.newTokens, static_cast<TokenId>(fields.tokens.size()), idOf);
    return spec;
}

BpeSpec rankedMerges(const ScoredPieceSpec& spec)
{
    BpeSpec model;
    model.byteFallback = true;
    model.fuseUnk = true;
    model.unkToken = spec.pieces[static_cast<std::size_t>(spec.unk)].text;
    std::unordered_map<std::string_view, TokenId> known;
    std::vector<std::size_t> order;
    for (std::size_t id = 0; id < spec.pieces.size(); ++id) {
        model.vocab.emplace_back(spec.pieces[id].text, static_cast<TokenId>(id));
        if (spec.pieces[id].mergeable) {
            known.emplace(spec.pieces[id].text, static_cast<TokenId>(id));
            order.push_back(id);
        }
    }
    std::stable_sort(order.begin(), order.end(),
                     [&spec](std::size_t a, std::size_t b) { return spec.pieces[a].score > spec.pieces[b].score; });
    for (const std::size_t id : order) {
        const std::string& text = spec.pieces[id].text;
        for (std::size_t i = lengthFromLead(static_cast<unsigned char>(text[0])); i < text.size();
             i += lengthFromLead(static_cast<unsigned char>(text[i]))) {
            if (known.contains(std::string_view(text).substr(0, i)) && known.contains(std::string_view(text).substr(i))) {
                model.merges.emplace_back(text.substr(0, i), text.substr(i));
            }
        }
    }
    return model;
}

}  // namespace lorikeet::tokenizer
