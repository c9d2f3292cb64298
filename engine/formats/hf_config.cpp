// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/hf_config.h"

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/formats/hf_rope.h"
#include "engine/formats/json_text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <limits>

namespace lorikeet::formats {

namespace {

/// Defaults of a configuration class for fields that config.json leaves out.
struct FamilyDefaults {
    std::string_view family;
    std::int64_t vocab, hidden, mlp, layers, heads;
    std::int64_t kvHeads;   ///< 0: as many as heads
    std::int64_t headSize;  ///< 0: hidden / heads
    std::int64_t maxContext;
    std::int64_t slidingWindow;  ///< 0: the class has no window
    bool windowNeedsFlag;        ///< Qwen: only with use_sliding_window
    bool readsAttentionBias;     ///< `attention_bias` counts
    bool readsMlpBias;
};

constexpr double kDefaultEps = 1e-6;

constexpr std::array<FamilyDefaults, 4> kFamilies{{
    {"llama", 32000, 4096, 11008, 32, 32, 0, 0, 2048, 0, false, true, true},
    {"mistral", 32000, 4096, 14336, 32, 32, 8, 0, 131072, 4096, false, false, false},
    {"qwen2", 151936, 4096, 22016, 32, 32, 32, 0, 32768, 4096, true, false, false},
    {"qwen3", 151936, 4096, 22016, 32, 32, 32, 128, 32768, 4096, true, true, false},
}};

const FamilyDefaults& familyOf(const JsonFields& fields)
{
    const std::string type = fields.text("model_type").value_or("");
    const auto* found = std::find_if(kFamilies.begin(), kFamilies.end(), [&](const FamilyDefaults& f) { return f.family == type; });
    if (found != kFamilies.end())
        return *found;
    const std::string supported = "supported are llama (Llama, SmolLM2), mistral, qwen2 and qwen3";
    if (fields.has("peft_type"))
        fields.refuse("this is an adapter, not a model", "open its base model instead");
    if (type.empty())
        fields.refuse("there is no 'model_type'", supported);
    fields.refuse("model type '" + type + "' is not supported",
                  fields.has("auto_map") ? supported + "; the model brings its own Python code, which is never run" : supported);
}

/// Absent: the class's default. Null counts as "let the class decide", where it may (head_dim, num_key_value_heads).
std::int64_t count(const JsonFields& fields, const char* key, std::int64_t fallback)
{
    if (fields.isNull(key))
        fields.refuse(std::string("'") + key + "' is null, expected an integer");
    return fields.integer(key).value_or(fallback);
}

void readCounts(const JsonFields& fields, const FamilyDefaults& family, ModelShape& shape)
{
    shape.vocab = count(fields, "vocab_size", family.vocab);
    shape.hidden = count(fields, "hidden_size", family.hidden);
    shape.mlp = count(fields, "intermediate_size", family.mlp);
    shape.layers = count(fields, "num_hidden_layers", family.layers);
    shape.heads = count(fields, "num_attention_heads", family.heads);
    shape.maxContext = count(fields, "max_position_embeddings", family.maxContext);
    if (shape.heads <= 0)
        fields.refuse("'num_attention_heads' is " + std::to_string(shape.heads));
    const std::int64_t kvDefault = fields.isNull("num_key_value_heads") || family.kvHeads == 0 ? shape.heads : family.kvHeads;
    shape.kvHeads = fields.integer("num_key_value_heads").value_or(kvDefault);
    const std::int64_t sizeDefault = fields.isNull("head_dim") || family.headSize == 0 ? shape.hidden / shape.heads : family.headSize;
    shape.headSize = fields.integer("head_dim").value_or(sizeDefault);
    shape.normEps = fields.number("rms_norm_eps").value_or(kDefaultEps);
}

void refuseVariants(const JsonFields& fields)
{
    if (const auto* quantisation = fields.object("quantization_config")) {
        const auto method = quantisation->find("quant_method");
        const std::string name = method != quantisation->end() && method->is_string() ? method->get<std::string>() : "unknown";
        fields.refuse("the weights are quantised (" + name + "), which is not read", "choose the bf16 or fp16 version of the model");
    }
    const std::string activation = fields.text("hidden_act").value_or("silu");
    if (activation != "silu" && activation != "swish")
        fields.refuse("activation '" + activation + "' is not supported, expected 'silu'");
    const auto* architectures = fields.find("architectures");
    if (architectures == nullptr || !architectures->is_array() || architectures->empty())
        return;
    for (const auto& entry : *architectures) {
        if (entry.is_string() && entry.get<std::string>().ends_with("ForCausalLM"))
            return;
    }
    fields.refuse("the model is " + architectures->front().dump(-1, ' ', true, nlohmann::json::error_handler_t::replace)
                      + ", expected one that ends with 'ForCausalLM'",
                  "choose a language model that generates text");
}

/// Qwen decides per layer, by layer_types or by max_window_layers; the window counts when one layer uses it.
bool someLayerSlides(const JsonFields& fields, const ModelShape& shape)
{
    const auto* types = fields.find("layer_types");
    if (types == nullptr || types->is_null())
        return shape.layers > fields.integer("max_window_layers").value_or(28);
    if (!types->is_array())
        fields.refuse("'layer_types' is not a list");
    bool slides = false;
    for (const auto& entry : *types) {
        const std::string type = entry.is_string() ? entry.get<std::string>() : "";
        if (type != "full_attention" && type != "sliding_attention")
            fields.refuse("layer type '" + type + "' is not supported, expected 'full_attention' or 'sliding_attention'");
        slides = slides || type == "sliding_attention";
    }
    return slides;
}

std::int64_t slidingWindowOf(const JsonFields& fields, const FamilyDefaults& family, const ModelShape& shape)
{
    if (family.slidingWindow == 0 || fields.isNull("sliding_window"))
        return 0;
    if (family.windowNeedsFlag && (!fields.boolean("use_sliding_window").value_or(false) || !someLayerSlides(fields, shape)))
        return 0;
    const std::int64_t window = fields.integer("sliding_window").value_or(family.slidingWindow);
    if (window < 0)
        fields.refuse("'sliding_window' is " + std::to_string(window));
    return window;
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
    fields.refuse("element type '" + type + "' is not supported, expected float32, float16 or bfloat16");
}

void readQuirks(const JsonFields& fields, const FamilyDefaults& family, ModelShape& shape)
{
    const bool attentionBias = family.readsAttentionBias && fields.boolean("attention_bias").value_or(false);
    shape.qkvBias = attentionBias || family.family == "qwen2";
    shape.outBias = attentionBias;
    shape.mlpBias = family.readsMlpBias && fields.boolean("mlp_bias").value_or(false);
    shape.qkNorm = family.family == "qwen3";
    shape.tiedHead = fields.boolean("tie_word_embeddings").value_or(false);
    shape.slidingWindow = slidingWindowOf(fields, family, shape);
    shape.storage = storageOf(fields);
}

}  // namespace

ModelShape shapeFromHfConfig(std::string_view json, const std::string& where, const std::string& name)
{
    const nlohmann::json content = parseJsonObject(json, where);
    const JsonFields fields(content, where);
    const FamilyDefaults& family = familyOf(fields);
    refuseVariants(fields);
    ModelShape shape;
    shape.family = family.family;
    shape.name = name;
    readCounts(fields, family, shape);
    readQuirks(fields, family, shape);
    const HfRope rope = readHfRope(fields, shape.maxContext);
    shape.ropeTheta = rope.theta;
    shape.ropeScaling = rope.scaling;
    validateShape(shape, where);
    return shape;
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
