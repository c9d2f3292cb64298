// SPDX-License-Identifier: GPL-3.0-or-later
// From plain values to the JSON that Hugging Face `tokenizers` reads.
#include "engine/base/check.h"
#include "engine/tokenizer/tokenizer_json.h"

#include <nlohmann/json.hpp>

namespace lorikeet::tokenizer {
namespace {

using Json = nlohmann::ordered_json;

Json patternJson(const PatternSpec& pattern)
{
    return {{pattern.isRegex ? "Regex" : "String", pattern.text}};
}

const char* nameOf(SplitBehavior behavior)
{
    switch (behavior) {
    case SplitBehavior::Removed:
        return "Removed";
    case SplitBehavior::Isolated:
        return "Isolated";
    case SplitBehavior::MergedWithPrevious:
        return "MergedWithPrevious";
    case SplitBehavior::MergedWithNext:
        return "MergedWithNext";
    case SplitBehavior::Contiguous:
        break;
    }
    return "Contiguous";
}

/// One overload per component.
struct ToJson {
    Json operator()(const NormalFormSpec& s) const
    {
        constexpr const char* kNames[] = {"NFC", "NFD", "NFKC", "NFKD"};
        return {{"type", kNames[static_cast<std::size_t>(s.form)]}};
    }
    Json operator()(const LowercaseSpec&) const { return {{"type", "Lowercase"}}; }
    Json operator()(const StripSpec& s) const { return {{"type", "Strip"}, {"strip_left", s.left}, {"strip_right", s.right}}; }
    Json operator()(const SpelledBytesSpec&) const { return {{"type", "ByteLevel"}}; }
    Json operator()(const FixedLengthSpec& s) const { return {{"type", "FixedLength"}, {"length", s.characters}}; }
    Json operator()(const WordEndDecoderSpec& s) const { return {{"type", "BPEDecoder"}, {"suffix", s.suffix}}; }
    Json operator()(const ReplaceSpec& s) const
    {
        return {{"type", "Replace"}, {"pattern", patternJson(s.pattern)}, {"content", s.content}};
    }
    Json operator()(const PrependSpec& s) const { return {{"type", "Prepend"}, {"prepend", s.prefix}}; }
    Json operator()(const SplitSpec& s) const
    {
        return {{"type", "Split"}, {"pattern", patternJson(s.pattern)}, {"behavior", nameOf(s.behavior)}, {"invert", s.invert}};
    }
    Json operator()(const ByteLevelSpec& s) const
    {
        return {{"type", "ByteLevel"}, {"add_prefix_space", s.addPrefixSpace}, {"trim_offsets", true}, {"use_regex", s.useRegex}};
    }
    Json operator()(const DigitsSpec& s) const { return {{"type", "Digits"}, {"individual_digits", s.individual}}; }
    Json operator()(const MetaspaceSpec& s) const
    {
        const char* scheme = s.scheme == PrependScheme::Always ? "always" : s.scheme == PrependScheme::First ? "first" : "never";
        return {{"type", "Metaspace"}, {"replacement", s.replacement}, {"prepend_scheme", scheme}, {"split", s.split}};
    }
    Json operator()(const PunctuationSpec& s) const { return {{"type", "Punctuation"}, {"behavior", nameOf(s.behavior)}}; }
    Json operator()(const WhitespaceSplitSpec&) const { return {{"type", "WhitespaceSplit"}}; }
    Json operator()(const ByteLevelDecoderSpec&) const { return (*this)(ByteLevelSpec{true, true}); }
    Json operator()(const ByteFallbackDecoderSpec&) const { return {{"type", "ByteFallback"}}; }
    Json operator()(const FuseDecoderSpec&) const { return {{"type", "Fuse"}}; }
    Json operator()(const StripDecoderSpec& s) const
    {
        return {{"type", "Strip"}, {"content", s.content}, {"start", s.start}, {"stop", s.stop}};
    }
};

/// null, the one component, or a Sequence.
template <typename Specs>
Json chainJson(const Specs& specs, const char* listKey)
{
    Json list = Json::array();
    for (const auto& spec : specs) {
        list.push_back(std::visit(ToJson{}, spec));
    }
    if (list.empty()) {
        return nullptr;
    }
    return list.size() == 1 ? list[0] : Json{{"type", "Sequence"}, {listKey, list}};
}

Json templateJson(const TokenizerSpec& spec)
{
    Json single = Json::array();
    Json pair = Json::array();
    Json tokens = Json::object();
    const auto special = [&](const std::optional<std::string>& name, int type) {
        if (!name) {
            return;
        }
        const Json item = {{"SpecialToken", {{"id", *name}, {"type_id", type}}}};
        if (type == 0) {
            single.push_back(item);
        }
        pair.push_back(item);
        for (const AddedToken& token : spec.addedTokens) {
            if (token.content == *name) {
                tokens[*name] = {{"id", *name}, {"ids", {token.id}}, {"tokens", {*name}}};
            }
        }
    };
    special(spec.templateBos, 0);
    single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
    pair.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
    special(spec.templateEos, 0);
    special(spec.templateBos, 1);
    pair.push_back({{"Sequence", {{"id", "B"}, {"type_id", 1}}}});
    special(spec.templateEos, 1);
    return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", tokens}};
}

Json postProcessorJson(const TokenizerSpec& spec)
{
    const bool bytes = !spec.preTokenizers.empty() && std::holds_alternative<ByteLevelSpec>(spec.preTokenizers.back());
    const Json byteLevel = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", false}, {"use_regex", true}};
    if (!spec.templateBos && !spec.templateEos) {
        return bytes ? byteLevel : Json(nullptr);
    }
    if (!bytes) {
        return templateJson(spec);
    }
    return {{"type", "Sequence"}, {"processors", {byteLevel, templateJson(spec)}}};
}

std::string quoted(const std::string& text)
{
    return nlohmann::json(text).dump();
}

/// Written by hand: a JSON document of a vocabulary would cost ten times its size.
std::string modelText(const BpeSpec& model)
{
    const auto flag = [](bool value) { return std::string(value ? "true" : "false"); };
    std::string text = "{\n  \"type\": \"BPE\",\n  \"dropout\": null,\n  \"unk_token\": ";
    text += model.unkToken.empty() ? std::string("null") : quoted(model.unkToken);
    const auto affix = [](const std::string& value) { return value.empty() ? std::string("null") : quoted(value); };
    text += ",\n  \"continuing_subword_prefix\": " + affix(model.continuingPrefix);
    text += ",\n  \"end_of_word_suffix\": " + affix(model.wordSuffix) + ",\n  \"fuse_unk\": " + flag(model.fuseUnk);
    text += ",\n  \"byte_fallback\": " + flag(model.byteFallback) + ",\n  \"ignore_merges\": " + flag(model.ignoreMerges);
    text += ",\n  \"vocab\": {";
    const char* separator = "\n   ";
    for (const auto& [token, id] : model.vocab) {
        text += separator + quoted(token) + ": " + std::to_string(id);
        separator = ",\n   ";
    }
    text += "\n  },\n  \"merges\": [";
    separator = "\n   ";
    for (const auto& [left, right] : model.merges) {
        text += separator + ("[" + quoted(left)) + ", " + quoted(right) + "]";
        separator = ",\n   ";
    }
    return text + "\n  ]\n }";
}

}  // namespace

std::string writeTokenizerJson(const TokenizerSpec& spec)
{
    const auto* model = std::get_if<BpeSpec>(&spec.model);
    LORIKEET_CHECK(model != nullptr, "only ranked merges can be written as tokenizer.json");
    Json added = Json::array();
    for (const AddedToken& token : spec.addedTokens) {
        added.push_back({{"id", token.id}, {"content", token.content}, {"single_word", token.singleWord},
                         {"lstrip", token.lstrip}, {"rstrip", token.rstrip}, {"normalized", token.normalized},
                         {"special", token.special}});
    }
    Json document = {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}};
    document["added_tokens"] = std::move(added);
    document["normalizer"] = chainJson(spec.normalizers, "normalizers");
    document["pre_tokenizer"] = chainJson(spec.preTokenizers, "pretokenizers");
    document["post_processor"] = postProcessorJson(spec);
    document["decoder"] = chainJson(spec.decoders, "decoders");
    std::string text = document.dump(1, ' ');
    text.erase(text.rfind('}'));
    while (text.back() == '\n' || text.back() == ' ') {
        text.pop_back();
    }
    return text + ",\n \"model\": " + modelText(*model) + "\n}\n";
}

}  // namespace lorikeet::tokenizer
