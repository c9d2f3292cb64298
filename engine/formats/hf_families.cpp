// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/hf_families.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace lorikeet::formats {

namespace {

constexpr auto kQkvo = BiasScope::QkvAndOut;
constexpr auto kQkv = BiasScope::QkvOnly;

constexpr std::array<FamilyDefaults, 16> kFamilies{{
    {.family = "llama", .counts = {32000, 4096, 11008, 32, 32, 0, 0, 2048}, .attentionBias = kQkvo, .readsMlpBias = true},
    {.family = "mistral", .counts = {32000, 4096, 14336, 32, 32, 8, 0, 131072}, .slidingWindow = 4096},
    {.family = "qwen2", .counts = {151936, 4096, 22016, 32, 32, 32, 0, 32768}, .slidingWindow = 4096, .windowNeedsFlag = true, .attentionBias = BiasScope::Always},
    {.family = "qwen3", .counts = {151936, 4096, 22016, 32, 32, 32, 128, 32768}, .slidingWindow = 4096, .windowNeedsFlag = true, .attentionBias = kQkvo, .headNorm = true},
    {.family = "gemma", .counts = {256000, 3072, 24576, 28, 16, 16, 256, 8192}, .attentionBias = kQkvo, .tied = true},
    {.family = "gemma2", .counts = {256000, 2304, 9216, 26, 8, 4, 256, 8192}, .slidingWindow = 4096, .attentionBias = kQkvo, .tied = true, .norms = 4, .slidingPeriod = 2},
    {.family = "gemma3_text", .counts = {262208, 2304, 9216, 26, 8, 4, 256, 131072}, .slidingWindow = 4096, .attentionBias = kQkvo, .tied = true, .theta = 1e6,
     .norms = 4, .headNorm = true, .slidingPeriod = 6},
    {.family = "phi3", .counts = {32064, 3072, 8192, 32, 32, 0, 0, 4096}, .eps = 1e-5},
    {.family = "olmo2", .counts = {50304, 4096, 11008, 32, 32, 0, 0, 2048}, .attentionBias = kQkvo, .eps = 1e-5, .widthNorm = true, .normAfter = true},
    {.family = "granite", .counts = {32000, 4096, 11008, 32, 32, 0, 0, 2048}, .attentionBias = kQkvo, .readsMlpBias = true, .multipliers = true},
    {.family = "cohere", .counts = {256000, 8192, 22528, 40, 64, 0, 0, 8192}, .attentionBias = kQkvo, .tied = true, .epsKey = "layer_norm_eps", .eps = 1e-5,
     .theta = 500000.0, .norms = 1, .widthNormKey = "use_qk_norm"},
    {.family = "cohere2", .counts = {256000, 8192, 22528, 40, 64, 0, 0, 8192}, .slidingWindow = 4096, .attentionBias = kQkvo, .tied = true, .epsKey = "layer_norm_eps",
     .eps = 1e-5, .norms = 1, .slidingPeriod = 4},
    {.family = "glm", .counts = {151552, 4096, 13696, 40, 32, 2, 128, 131072}, .attentionBias = kQkv, .biasDefault = true, .eps = 1.5625e-7},
    {.family = "glm4", .counts = {151552, 4096, 13696, 40, 32, 2, 128, 131072}, .attentionBias = kQkv, .biasDefault = true, .eps = 1.5625e-7, .norms = 4},
    {.family = "stablelm", .counts = {50304, 2560, 6912, 32, 32, 32, 0, 4096}, .attentionBias = kQkv, .biasKey = "use_qkv_bias", .epsKey = "layer_norm_eps", .eps = 1e-5,
     .normBias = true, .widthNormKey = "qk_layernorm", .parallelKey = "use_parallel_residual"},
    {.family = "smollm3", .counts = {128256, 2048, 11008, 36, 16, 4, 0, 32768}, .attentionBias = kQkvo, .readsMlpBias = true, .tied = true, .theta = 2e6, .noRopePeriod = 4},
}};

constexpr const char* kHint = "models of the types llama (Llama, SmolLM2), mistral, qwen2, qwen3, granite, smollm3 and olmo2 run; gemma, gemma2, gemma3, phi3, "
                              "cohere, cohere2, glm, glm4 and stablelm can be planned for";

/// The first layer that sees everything, counted from 1, or the family's pattern.
std::int64_t periodOf(const JsonFields& fields, const FamilyDefaults& family)
{
    const auto types = fields.texts("layer_types");
    if (!types)
        return fields.integer("sliding_window_pattern").value_or(family.slidingPeriod);
    const auto full = std::find(types->begin(), types->end(), "full_attention");
    return full == types->end() ? 0 : std::distance(types->begin(), full) + 1;
}

/// `no_rope_layers` names the layers that DO have rotary positions by 1. Lists that repeat with the period of their first 0 are read.
std::int64_t noRopePeriodOf(const JsonFields& fields, const FamilyDefaults& family, const ModelShape& shape)
{
    const auto* list = fields.find("no_rope_layers");
    if (list == nullptr || list->is_null())
        return fields.integer("no_rope_layer_interval").value_or(family.noRopePeriod);
    if (!list->is_array() || static_cast<std::int64_t>(list->size()) != shape.layers)
        fields.refuse("'no_rope_layers' is not a list of one number for each of the " + std::to_string(shape.layers) + " layers");
    const auto plain = std::find(list->begin(), list->end(), 0);
    ModelShape read;
    read.noRopePeriod = plain == list->end() ? 0 : std::distance(list->begin(), plain) + 1;
    for (std::int64_t layer = 0; layer < shape.layers; ++layer)
        if ((*list)[static_cast<std::size_t>(layer)] != (read.hasRope(layer) ? 1 : 0))
            fields.refuse("'no_rope_layers' does not repeat with a period, which is not supported yet", kOtherModel);
    return read.noRopePeriod;
}

}  // namespace

bool isReadableType(std::string_view type) noexcept { return std::ranges::find(kFamilies, type, &FamilyDefaults::family) != kFamilies.end(); }

const FamilyDefaults& familyOf(const JsonFields& fields)
{
    const std::string type = fields.text("model_type").value_or("");
    if (const auto* found = std::ranges::find(kFamilies, type, &FamilyDefaults::family); found != kFamilies.end())
        return *found;
    if (fields.has("peft_type"))
        fields.refuse("this is an adapter, not a model", "open its base model instead");
    if (type.empty())
        fields.refuse("there is no 'model_type'", kHint);
    fields.refuse("model type '" + type + "' is not supported",
                  fields.has("auto_map") ? std::string(kHint) + "; the model brings its own Python code, which is never run" : kHint);
}

void readLayerQuirks(const JsonFields& fields, const FamilyDefaults& family, ModelShape& shape)
{
    shape.qkNormWholeWidth = family.widthNorm;
    shape.qkNorm = family.headNorm || family.widthNorm;
    shape.normAfter = family.normAfter;
    if (family.noRopePeriod > 0) {
        shape.noRopePeriod = noRopePeriodOf(fields, family, shape);
        if (fields.boolean("use_sliding_window").value_or(false))
            fields.refuse("a sliding window in the layers without rotary positions is not supported", kOtherModel);
    }
    if (!family.multipliers)
        return;
    shape.embeddingScale = fields.number("embedding_multiplier").value_or(1.0);
    shape.residualScale = fields.number("residual_multiplier").value_or(1.0);
    shape.logitDivisor = fields.number("logits_scaling").value_or(1.0);
    shape.attentionMultiplier = fields.number("attention_multiplier").value_or(1.0);
    if (!(shape.attentionMultiplier > 0))
        fields.refuse("'attention_multiplier' is not a positive number");
}

void readPlannedQuirks(const JsonFields& fields, const FamilyDefaults& family, ModelShape& shape)
{
    shape.normsPerLayer = family.norms;
    if (family.parallelKey != nullptr && fields.boolean(family.parallelKey).value_or(false))
        shape.normsPerLayer -= 1;
    shape.normBias = family.normBias;
    shape.qkNormWholeWidth = family.widthNorm || (family.widthNormKey != nullptr && fields.boolean(family.widthNormKey).value_or(false));
    shape.qkNorm = family.headNorm || shape.qkNormWholeWidth;
    shape.slidingWindow = fields.isNull("sliding_window") ? 0 : fields.integer("sliding_window").value_or(family.slidingWindow);
    shape.slidingPeriod = shape.slidingWindow == 0 || family.slidingPeriod == 0 ? 0 : periodOf(fields, family);
}

}  // namespace lorikeet::formats
