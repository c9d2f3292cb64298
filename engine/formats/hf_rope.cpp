// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/hf_rope.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace lorikeet::formats {

namespace {

double required(const JsonFields& rope, const char* key, const std::string& type)
{
    const auto value = rope.number(key);
    if (!value)
        rope.refuse(std::string("'") + key + "' is missing, position scaling of type '" + type + "' needs it");
    return *value;
}

RopeScaling readLlama3(const JsonFields& config, const JsonFields& rope, std::int64_t maxContext)
{
    RopeScaling scaling;
    scaling.type = RopeScaling::Type::Llama3;
    scaling.factor = required(rope, "factor", "llama3");
    scaling.lowFrequencyFactor = required(rope, "low_freq_factor", "llama3");
    scaling.highFrequencyFactor = required(rope, "high_freq_factor", "llama3");
    // transformers: a value at the top of config.json wins over the nested one
    const auto outer = config.integer("original_max_position_embeddings");
    scaling.originalContext = outer ? *outer : rope.integer("original_max_position_embeddings").value_or(maxContext);
    if (!(scaling.highFrequencyFactor > scaling.lowFrequencyFactor) || !(scaling.lowFrequencyFactor > 0) || scaling.originalContext <= 0)
        rope.refuse("the llama3 position scaling is not consistent: expected 0 < low_freq_factor < high_freq_factor and a positive "
                    "original_max_position_embeddings");
    return scaling;
}

/// 0.1 m ln(scale) + 1: the temperature of the paper, as a factor of cosine and sine.
double yarnMagnitude(double scale, double m) { return scale <= 1 ? 1.0 : 0.1 * m * std::log(scale) + 1.0; }

RopeScaling readYarn(const JsonFields& config, const JsonFields& rope, std::int64_t maxContext)
{
    RopeScaling scaling;
    scaling.type = RopeScaling::Type::Yarn;
    const auto outer = config.integer("original_max_position_embeddings");
    scaling.originalContext = outer ? *outer : rope.integer("original_max_position_embeddings").value_or(maxContext);
    if (scaling.originalContext <= 0)
        rope.refuse("'original_max_position_embeddings' is " + std::to_string(scaling.originalContext));
    scaling.factor = required(rope, "factor", "yarn");
    const auto orDefault = [&](const char* key, double fallback) {  // 0 counts as absent there
        const double value = rope.number(key).value_or(0.0);
        return value == 0.0 ? fallback : value;
    };
    scaling.betaFast = orDefault("beta_fast", 32.0);
    scaling.betaSlow = orDefault("beta_slow", 1.0);
    scaling.wholeDims = rope.boolean("truncate").value_or(true);
    const double m = orDefault("mscale", 0.0);
    const double all = orDefault("mscale_all_dim", 0.0);
    const double usual = m != 0 && all != 0 ? yarnMagnitude(scaling.factor, m) / yarnMagnitude(scaling.factor, all) : yarnMagnitude(scaling.factor, 1.0);
    scaling.attentionFactor = rope.number("attention_factor").value_or(usual);
    if (!(scaling.betaFast > 0) || !(scaling.betaSlow > 0) || !(scaling.attentionFactor > 0) || !(scaling.factor > 0))
        rope.refuse("the yarn position scaling is not consistent: expected a positive factor, beta_fast, beta_slow and attention_factor");
    return scaling;
}

void refusePartial(const JsonFields& fields)
{
    const double share = fields.number("partial_rotary_factor").value_or(1.0);
    if (share != 1.0)
        fields.refuse("partial rotary positions (partial_rotary_factor " + std::to_string(share) + ") are not supported", kOtherModel);
}

}  // namespace

HfRope readHfRope(const JsonFields& config, std::int64_t maxContext, double defaultTheta)
{
    HfRope result;
    result.theta = config.number("rope_theta").value_or(defaultTheta);
    refusePartial(config);
    const nlohmann::json* parameters = config.object("rope_scaling");
    if (parameters == nullptr || parameters->empty())
        parameters = config.object("rope_parameters");
    if (parameters == nullptr)
        return result;
    const JsonFields rope(*parameters, config.where());
    if (rope.has("full_attention") || rope.has("sliding_attention"))
        rope.refuse("rotary positions that differ by layer type are not supported", kOtherModel);
    refusePartial(rope);
    result.theta = rope.number("rope_theta").value_or(result.theta);
    const auto named = rope.text("rope_type");
    const std::string type = named ? *named : rope.text("type").value_or("default");
    if (type == "linear")
        result.scaling = {RopeScaling::Type::Linear, required(rope, "factor", type)};
    else if (type == "llama3")
        result.scaling = readLlama3(config, rope, maxContext);
    else if (type == "yarn")
        result.scaling = readYarn(config, rope, maxContext);
    else if (type == "dynamic")
        result.scaling = {RopeScaling::Type::Dynamic, required(rope, "factor", type)};
    else if (type != "default")
        rope.refuse("position scaling of type '" + type + "' is not supported", "supported are default, linear, dynamic, llama3 and yarn: choose a model with one of them");
    return result;
}

double plannedTheta(const JsonFields& config, double fallback)
{
    double theta = config.number("rope_theta").value_or(fallback);
    const nlohmann::json* parameters = config.object("rope_parameters");
    if (parameters == nullptr)
        return theta;
    const JsonFields rope(*parameters, config.where());
    theta = rope.number("rope_theta").value_or(theta);
    const nlohmann::json* full = rope.object("full_attention");
    return full == nullptr ? theta : JsonFields(*full, config.where()).number("rope_theta").value_or(theta);
}

}  // namespace lorikeet::formats
