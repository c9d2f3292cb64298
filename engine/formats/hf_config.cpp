// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/hf_config.h"

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/formats/hf_contradictions.h"
#include "engine/formats/hf_families.h"
#include "engine/formats/hf_quantization.h"
#include "engine/formats/hf_rope.h"
#include "engine/formats/json_text.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace lorikeet::formats {

namespace {

/// Whether a configuration must state its sizes. Files do; what transformers saves inside another configuration leaves out the class's defaults.
enum class Sizes : std::uint8_t { Stated, OrDefaults };

/// Absent: `fallback`, or an error where it is 0. Null counts as "let the class decide" only where it may (head_dim, num_key_value_heads).
std::int64_t count(const JsonFields& fields, const char* key, std::int64_t fallback, std::int64_t most)
{
    if (fields.isNull(key))
        fields.refuse(std::string("'") + key + "' is null, expected an integer");
    if (fallback == 0 && !fields.has(key))
        fields.refuse(std::string("'") + key + "' is missing, expected an integer", "the configuration is cut short or not of a language model: fetch it again");
    const std::int64_t value = fields.integer(key).value_or(fallback);
    if (value < 1 || value > most)
        fields.refuse(std::string("'") + key + "' is " + std::to_string(value) + ", expected 1 to " + std::to_string(most));
    return value;
}

std::int64_t headSizeOf(const JsonFields& fields, const FamilyDefaults& family, const ModelShape& shape)
{
    if (const auto stated = fields.integer("head_dim")) {
        if (*stated < 2 || *stated > 4096)
            fields.refuse("'head_dim' is " + std::to_string(*stated) + ", expected 2 to 4096");
        return *stated;
    }
    if (!fields.isNull("head_dim") && family.counts.headSize != 0)
        return family.counts.headSize;
    if (shape.hidden % shape.heads != 0)
        fields.refuse("'hidden_size' is " + std::to_string(shape.hidden) + ", not a multiple of 'num_attention_heads', which is "
                      + std::to_string(shape.heads) + ", and there is no 'head_dim'");
    return shape.hidden / shape.heads;
}

void readCounts(const JsonFields& fields, const FamilyDefaults& family, Sizes sizes, ModelShape& shape)
{
    const FamilyCounts fallback = sizes == Sizes::Stated ? FamilyCounts{} : family.counts;
    shape.vocab = count(fields, "vocab_size", fallback.vocab, 1 << 24);
    shape.hidden = count(fields, "hidden_size", fallback.hidden, 1 << 20);
    shape.mlp = count(fields, "intermediate_size", fallback.mlp, 1 << 22);
    shape.layers = count(fields, "num_hidden_layers", fallback.layers, 4096);
    shape.heads = count(fields, "num_attention_heads", fallback.heads, 4096);
    shape.maxContext = count(fields, "max_position_embeddings", family.counts.maxContext, std::int64_t{1} << 32);
    const std::int64_t kvDefault = fields.isNull("num_key_value_heads") || family.counts.kvHeads == 0 ? shape.heads : family.counts.kvHeads;
    shape.kvHeads = fields.integer("num_key_value_heads").value_or(kvDefault);
    if (shape.kvHeads < 1)
        fields.refuse("'num_key_value_heads' is " + std::to_string(shape.kvHeads) + ", expected 1 to " + std::to_string(shape.heads));
    if (shape.kvHeads > shape.heads || shape.heads % shape.kvHeads != 0)
        fields.refuse("'num_attention_heads' is " + std::to_string(shape.heads) + ", not a multiple of 'num_key_value_heads', which is "
                      + std::to_string(shape.kvHeads));
    shape.headSize = headSizeOf(fields, family, shape);
    shape.normEps = fields.number(family.epsKey).value_or(family.eps);
}

void refuseVariants(const JsonFields& fields)
{
    const std::string activation = fields.text("hidden_act").value_or("silu");
    if (activation != "silu" && activation != "swish")
        fields.refuse("activation '" + activation + "' is not supported, expected 'silu'", kOtherModel);
    const auto architectures = fields.texts("architectures");
    if (!architectures || architectures->empty())
        return;
    if (std::ranges::any_of(*architectures, [](const std::string& name) { return name.ends_with("ForCausalLM"); }))
        return;
    fields.refuse("the model is \"" + architectures->front() + "\", expected one that ends with 'ForCausalLM'", "choose a language model that generates text");
}

/// The first layer of Qwen that slides, by layer_types or by max_window_layers; all behind it do. None: the number of layers or more.
std::int64_t firstSlidingLayer(const JsonFields& fields, const ModelShape& shape)
{
    const auto types = fields.texts("layer_types");
    if (!types)
        return std::max<std::int64_t>(0, fields.integer("max_window_layers").value_or(28));
    if (static_cast<std::int64_t>(types->size()) != shape.layers)
        fields.refuse("'layer_types' is not a list of one type for each of the " + std::to_string(shape.layers) + " layers");
    std::int64_t full = 0;
    bool slides = false;
    for (const std::string& type : *types) {
        if (type != "full_attention" && type != "sliding_attention")
            fields.refuse("layer type '" + type + "' is not supported, expected 'full_attention' or 'sliding_attention'", kOtherModel);
        if (slides && type == "full_attention")
            fields.refuse("'layer_types' has full attention behind a sliding window, which is not supported yet", kOtherModel);
        slides = slides || type == "sliding_attention";
        full += slides ? 0 : 1;
    }
    return slides ? full : shape.layers;
}

void readWindow(const JsonFields& fields, const FamilyDefaults& family, ModelShape& shape)
{
    if (family.slidingWindow == 0 || fields.isNull("sliding_window"))
        return;
    std::int64_t from = 0;
    if (family.windowNeedsFlag) {
        if (!fields.boolean("use_sliding_window").value_or(false))
            return;
        from = firstSlidingLayer(fields, shape);
        if (from >= shape.layers)
            return;
    }
    const std::int64_t window = fields.integer("sliding_window").value_or(family.slidingWindow);
    if (window < 0)
        fields.refuse("'sliding_window' is " + std::to_string(window));
    shape.slidingWindow = window;
    shape.slidingFrom = window > 0 ? from : 0;
}

DType storageOf(const JsonFields& fields)
{
    std::string type = fields.text("dtype").value_or(fields.text("torch_dtype").value_or("float32"));
    if (type.starts_with("torch."))
        type.erase(0, 6);
    if (type == "float32" || type == "auto" || type == "float")
        return DType::F32;
    if (type == "bfloat16")
        return DType::BF16;
    if (type == "float16" || type == "half")
        return DType::F16;
    fields.refuse("element type '" + type + "' is not supported, expected float32, float16 or bfloat16",
                  "choose the bf16, fp16 or fp32 version of the model");
}

void readQuirks(const JsonFields& fields, const FamilyDefaults& family, ModelShape& shape)
{
    const bool switched = family.attentionBias == BiasScope::QkvAndOut || family.attentionBias == BiasScope::QkvOnly;
    const bool attentionBias = switched && fields.boolean(family.biasKey).value_or(family.biasDefault);
    shape.qkvBias = attentionBias || family.attentionBias == BiasScope::Always;
    shape.outBias = attentionBias && family.attentionBias == BiasScope::QkvAndOut;
    shape.mlpBias = family.readsMlpBias && fields.boolean("mlp_bias").value_or(false);
    shape.tiedHead = fields.boolean("tie_word_embeddings").value_or(family.tied);
    shape.storage = storageOf(fields);
    if (runnableFamily(shape)) {
        readWindow(fields, family, shape);
        readLayerQuirks(fields, family, shape);
    } else {
        readPlannedQuirks(fields, family, shape);
    }
}

ModelShape shapeOfFields(const JsonFields& fields, Sizes sizes, const std::string& name)
{
    const FamilyDefaults& family = familyOf(fields);
    ModelShape shape;
    shape.family = family.family;
    shape.name = name;
    requireReadableQuantization(fields);
    if (runnableFamily(shape))
        refuseVariants(fields);
    refuseContradictions(fields, family);
    readCounts(fields, family, sizes, shape);
    readQuirks(fields, family, shape);
    const HfRope rope = runnableFamily(shape) ? readHfRope(fields, shape.maxContext, family.theta) : HfRope{plannedTheta(fields, family.theta), {}};
    shape.ropeTheta = rope.theta;
    shape.ropeScaling = rope.scaling;
    validateShape(shape, fields.where());
    return shape;
}

}  // namespace

ModelShape shapeFromHfConfig(std::string_view json, const std::string& where, const std::string& name)
{
    const nlohmann::json content = parseJsonObject(json, where);
    const JsonFields outer(content, where);
    // Gemma 3 with pictures: its language model is a configuration of its own.
    const nlohmann::json* text = outer.text("model_type") == "gemma3" ? outer.object("text_config") : nullptr;
    nlohmann::json inner = text != nullptr ? *text : nlohmann::json::object();
    inner["model_type"] = "gemma3_text";
    const JsonFields fields = text != nullptr ? JsonFields(inner, where + ": text_config") : outer;
    return shapeOfFields(fields, text != nullptr ? Sizes::OrDefaults : Sizes::Stated, name);
}

ModelShape readHfConfig(const std::filesystem::path& path)
{
    return shapeFromHfConfig(readTextFile(path, kConfigLimit), utf8(path), modelNameOf(path));
}

std::string modelNameOf(const std::filesystem::path& path)
{
    std::filesystem::path absolute = std::filesystem::absolute(path).lexically_normal();
    if (!absolute.has_filename())
        absolute = absolute.parent_path();
    const std::string file = utf8(absolute.filename());
    if (file.ends_with(".json") && file != "config.json")
        return utf8(absolute.stem());
    if (file == "config.json")
        absolute = absolute.parent_path();
    const std::string cached = utf8(absolute.parent_path().parent_path().filename());
    if (absolute.parent_path().filename() == "snapshots" && cached.starts_with("models--"))
        return cached.substr(cached.rfind("--") + 2);
    return utf8(absolute.filename());
}

}  // namespace lorikeet::formats
