// SPDX-License-Identifier: GPL-3.0-or-later
// From JSON to plain values, one function per component.
#include "engine/tokenizer/json_field.h"
#include "engine/tokenizer/tokenizer_json.h"
#include "engine/tokenizer/unicode.h"
#include "engine/tokenizer/vocabulary.h"

namespace lorikeet::tokenizer {
namespace {

constexpr const char* kUnsupportedHint = "this tokenizer cannot be reproduced exactly yet, so it is refused instead of approximated";
constexpr std::int64_t kLargestCount = 1 << 20;
constexpr int kDeepestSequence = 16;
/// The Whitespace pre-tokenizer, \w+|[^\w\s]+ of Rust's regex crate: its \w has the joiners and no superscripts or fractions.
constexpr std::string_view kWordsAndSigns =
    "[\\w\\x{200C}\\x{200D}&&[^\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}]]+"
    "|[[^\\w\\s\\x{200C}\\x{200D}]\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}]+";

[[noreturn]] void refuseType(const JsonField& field, std::string_view kind, const std::string& type)
{
    field.refuse(std::string(kind) + " \"" + type + "\" is not supported", kUnsupportedHint);
}

std::string oneCharacter(const JsonField& field)
{
    const std::string& text = field.string();
    if (text.empty() || text.size() != lengthFromLead(static_cast<unsigned char>(text.front()))) {
        field.refuse("expected one character, found \"" + text + "\"");
    }
    return text;
}

PatternSpec readPattern(const JsonField& field)
{
    if (const JsonField literal = field["String"]; !literal.isNull()) {
        return {literal.string(), false};
    }
    if (const JsonField regex = field["Regex"]; !regex.isNull()) {
        return {regex.string(), true};
    }
    field.refuse("expected {\"String\": ...} or {\"Regex\": ...}");
}

SplitBehavior readBehavior(const JsonField& field)
{
    const std::string& name = field.string();
    if (name == "Removed") {
        return SplitBehavior::Removed;
    }
    if (name == "Isolated") {
        return SplitBehavior::Isolated;
    }
    if (name == "MergedWithPrevious") {
        return SplitBehavior::MergedWithPrevious;
    }
    if (name == "MergedWithNext") {
        return SplitBehavior::MergedWithNext;
    }
    if (name == "Contiguous") {
        return SplitBehavior::Contiguous;
    }
    field.refuse("behavior \"" + name + "\" is not known");
}

MetaspaceSpec readMetaspace(const JsonField& field)
{
    MetaspaceSpec spec;
    spec.replacement = oneCharacter(field["replacement"]);
    spec.split = field["split"].boolean(true);
    const JsonField scheme = field["prepend_scheme"];
    const bool addsPrefix = field["add_prefix_space"].boolean(true);
    if (scheme.isNull()) {
        spec.scheme = addsPrefix ? PrependScheme::Always : PrependScheme::Never;
        return spec;
    }
    const std::string& name = scheme.string();
    if (name != "always" && name != "first" && name != "never") {
        scheme.refuse("\"" + name + "\" is not known; expected always, first or never");
    }
    spec.scheme = name == "always" ? PrependScheme::Always : name == "first" ? PrependScheme::First : PrependScheme::Never;
    if (!addsPrefix && spec.scheme != PrependScheme::Never) {
        field.refuse("add_prefix_space false contradicts prepend_scheme \"" + name + "\"");
    }
    return spec;
}

void readNormalizer(const JsonField& field, std::vector<NormalizerSpec>& out, int depth = 0)
{
    if (field.isNull()) {
        return;
    }
    const std::string& type = field["type"].string();
    if (type == "Sequence" && depth < kDeepestSequence) {
        field["normalizers"].each([&](const JsonField& inner) { readNormalizer(inner, out, depth + 1); });
    } else if (type == "NFC") {
        out.emplace_back(NormalFormSpec{NormalForm::Nfc});
    } else if (type == "NFD") {
        out.emplace_back(NormalFormSpec{NormalForm::Nfd});
    } else if (type == "NFKC") {
        out.emplace_back(NormalFormSpec{NormalForm::Nfkc});
    } else if (type == "NFKD") {
        out.emplace_back(NormalFormSpec{NormalForm::Nfkd});
    } else if (type == "Lowercase") {
        out.emplace_back(LowercaseSpec{});
    } else if (type == "Strip") {
        out.emplace_back(StripSpec{field["strip_left"].boolean(), field["strip_right"].boolean()});
    } else if (type == "ByteLevel") {
        out.emplace_back(SpelledBytesSpec{});
    } else if (type == "Replace") {
        out.emplace_back(ReplaceSpec{readPattern(field["pattern"]), field["content"].string()});
    } else if (type == "Prepend") {
        out.emplace_back(PrependSpec{field["prepend"].string()});
    } else {
        refuseType(field, "normalizer", type);
    }
}

void readPreTokenizer(const JsonField& field, std::vector<PreTokenizerSpec>& out, int depth = 0)
{
    if (field.isNull()) {
        return;
    }
    const std::string& type = field["type"].string();
    if (type == "Sequence" && depth < kDeepestSequence) {
        field["pretokenizers"].each([&](const JsonField& inner) { readPreTokenizer(inner, out, depth + 1); });
    } else if (type == "Split") {
        out.emplace_back(SplitSpec{readPattern(field["pattern"]), readBehavior(field["behavior"]), field["invert"].boolean(false)});
    } else if (type == "ByteLevel") {
        out.emplace_back(ByteLevelSpec{field["add_prefix_space"].boolean(), field["use_regex"].boolean(true)});
    } else if (type == "Digits") {
        out.emplace_back(DigitsSpec{field["individual_digits"].boolean()});
    } else if (type == "Metaspace") {
        out.emplace_back(readMetaspace(field));
    } else if (type == "Punctuation") {
        const JsonField behavior = field["behavior"];
        out.emplace_back(PunctuationSpec{behavior.isNull() ? SplitBehavior::Isolated : readBehavior(behavior)});
    } else if (type == "WhitespaceSplit") {
        out.emplace_back(WhitespaceSplitSpec{});
    } else if (type == "Whitespace") {
        out.emplace_back(SplitSpec{{std::string(kWordsAndSigns), true}, SplitBehavior::Removed, true});
    } else if (type == "BertPreTokenizer") {
        out.emplace_back(WhitespaceSplitSpec{});
        out.emplace_back(PunctuationSpec{SplitBehavior::Isolated});
    } else if (type == "CharDelimiterSplit") {
        out.emplace_back(SplitSpec{{oneCharacter(field["delimiter"]), false}, SplitBehavior::Removed, false});
    } else if (type == "FixedLength") {
        const std::int64_t length = field["length"].isNull() ? 5 : field["length"].integer(kLargestCount);
        if (length == 0) {
            field["length"].refuse("expected at least 1 character, found 0");
        }
        out.emplace_back(FixedLengthSpec{static_cast<std::size_t>(length)});
    } else {
        refuseType(field, "pre-tokenizer", type);
    }
}

void readDecoder(const JsonField& field, std::vector<DecoderSpec>& out, int depth = 0)
{
    if (field.isNull()) {
        return;
    }
    const std::string& type = field["type"].string();
    if (type == "Sequence" && depth < kDeepestSequence) {
        field["decoders"].each([&](const JsonField& inner) { readDecoder(inner, out, depth + 1); });
    } else if (type == "ByteLevel") {
        out.emplace_back(ByteLevelDecoderSpec{});
    } else if (type == "Replace") {
        out.emplace_back(ReplaceSpec{readPattern(field["pattern"]), field["content"].string()});
    } else if (type == "ByteFallback") {
        out.emplace_back(ByteFallbackDecoderSpec{});
    } else if (type == "Fuse") {
        out.emplace_back(FuseDecoderSpec{});
    } else if (type == "Strip") {
        out.emplace_back(StripDecoderSpec{oneCharacter(field["content"]),
                                          static_cast<std::size_t>(field["start"].integer(kLargestCount)),
                                          static_cast<std::size_t>(field["stop"].integer(kLargestCount))});
    } else if (type == "Metaspace") {
        out.emplace_back(readMetaspace(field));
    } else if (type == "BPEDecoder") {
        out.emplace_back(WordEndDecoderSpec{field["suffix"].string()});
    } else {
        refuseType(field, "decoder", type);
    }
}

/// Only what a template puts in front of and behind one text is of interest here.
void readPostProcessor(const JsonField& field, TokenizerSpec& spec, int depth = 0)
{
    if (field.isNull()) {
        return;
    }
    const std::string& type = field["type"].string();
    if (type == "Sequence" && depth < kDeepestSequence) {
        field["processors"].each([&](const JsonField& inner) { readPostProcessor(inner, spec, depth + 1); });
    } else if (type == "TemplateProcessing") {
        bool seenText = false;
        field["single"].each([&](const JsonField& item) {
            if (!item["Sequence"].isNull()) {
                seenText = true;
            } else {
                auto& role = seenText ? spec.templateEos : spec.templateBos;
                role = role.value_or(item["SpecialToken"]["id"].string());
            }
        });
    } else if (type == "RobertaProcessing" || type == "BertProcessing") {
        const auto nameOf = [&field](const char* key) {
            const nlohmann::json& pair = field[key].value();
            if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string()) {
                field[key].expected("[token, id]");
            }
            return pair[0].get<std::string>();
        };
        spec.templateBos = spec.templateBos.value_or(nameOf("cls"));
        spec.templateEos = spec.templateEos.value_or(nameOf("sep"));
    } else if (type != "ByteLevel") {
        refuseType(field, "post-processor", type);
    }
}

AddedToken readAddedToken(const JsonField& field)
{
    AddedToken token;
    token.id = static_cast<TokenId>(field["id"].integer(kLargestTokenId));
    token.content = field["content"].string();
    token.special = field["special"].boolean();
    token.lstrip = field["lstrip"].boolean(false);
    token.rstrip = field["rstrip"].boolean(false);
    token.singleWord = field["single_word"].boolean(false);
    token.normalized = field["normalized"].boolean(!token.special);
    return token;
}

/// A merge is "left right" (before tokenizers 0.20) or ["left", "right"].
void readMerges(const JsonField& field, std::vector<std::pair<std::string, std::string>>& merges)
{
    merges.reserve(field.value().size());
    field.each([&merges](const JsonField& merge) {
        const nlohmann::json& value = merge.value();
        if (value.is_string()) {
            const auto& text = value.get_ref<const std::string&>();
            const std::size_t blank = text.find(' ');
            if (merges.empty() && text.starts_with("#version")) {
                return;
            }
            if (blank == std::string::npos || text.find(' ', blank + 1) != std::string::npos) {
                merge.refuse("expected two tokens with one blank between them, found \"" + text + "\"");
            }
            merges.emplace_back(text.substr(0, blank), text.substr(blank + 1));
        } else if (value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_string()) {
            merges.emplace_back(value[0].get<std::string>(), value[1].get<std::string>());
        } else {
            merge.refuse("expected \"left right\" or [\"left\", \"right\"]");
        }
    });
}

BpeSpec readModel(const JsonField& field)
{
    const JsonField type = field["type"];
    const bool isBpe = type.isNull() ? !field["merges"].isNull() : type.string() == "BPE";
    if (!isBpe) {
        refuseType(field, "model", type.isNull() ? "without a type" : type.string());
    }
    BpeSpec model;
    const JsonField prefix = field["continuing_subword_prefix"];
    const JsonField suffix = field["end_of_word_suffix"];
    model.continuingPrefix = prefix.isNull() ? std::string() : prefix.string();
    model.wordSuffix = suffix.isNull() ? std::string() : suffix.string();
    if (const JsonField dropout = field["dropout"]; !dropout.isNull() && !dropout.value().is_number()) {
        dropout.expected("a number");  // merges are never dropped: training data are tokenised as answers will be
    }
    if (const JsonField unk = field["unk_token"]; !unk.isNull()) {
        model.unkToken = unk.string();
    }
    model.byteFallback = field["byte_fallback"].boolean(false);
    model.fuseUnk = field["fuse_unk"].boolean(false);
    model.ignoreMerges = field["ignore_merges"].boolean(false);
    if (model.byteFallback && !(model.continuingPrefix.empty() && model.wordSuffix.empty())) {
        field.refuse("byte_fallback together with a prefix or suffix of words is not supported", kUnsupportedHint);
    }
    const JsonField vocab = field["vocab"];
    if (!vocab.value().is_object()) {
        vocab.expected("an object");
    }
    model.vocab.reserve(vocab.value().size());
    for (const auto& [text, id] : vocab.value().items()) {
        if (!id.is_number_integer()) {
            JsonField(id, vocab.place() + ".\"" + text + "\"").expected("a whole number");
        }
        const JsonField number(id, vocab.place());
        model.vocab.emplace_back(text, static_cast<TokenId>(number.integer(kLargestTokenId)));
    }
    readMerges(field["merges"], model.merges);
    return model;
}

}  // namespace

TokenizerSpec readTokenizerJson(std::string_view text, const std::string& source)
{
    const nlohmann::json document = parseJson(text, source);
    const JsonField root(document, source);
    if (const JsonField version = root["version"]; !version.isNull() && version.string() != "1.0") {
        version.refuse("version \"" + version.string() + "\" is not known, expected \"1.0\"");
    }
    TokenizerSpec spec;
    spec.source = source;
    if (const JsonField added = root["added_tokens"]; !added.isNull()) {
        added.each([&spec](const JsonField& token) { spec.addedTokens.push_back(readAddedToken(token)); });
    }
    readNormalizer(root["normalizer"], spec.normalizers);
    readPreTokenizer(root["pre_tokenizer"], spec.preTokenizers);
    readDecoder(root["decoder"], spec.decoders);
    readPostProcessor(root["post_processor"], spec);
    const JsonField model = root["model"];
    if (model.isNull()) {
        model.refuse("is missing");
    }
    spec.model = readModel(model);
    return spec;
}

}  // namespace lorikeet::tokenizer
