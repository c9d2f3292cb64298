// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/hf_config_writer.h"

#include "engine/base/check.h"

#include <nlohmann/json.hpp>

#include <array>
#include <vector>

namespace lorikeet::formats {

namespace {

using nlohmann::ordered_json;

const char* classNameOf(const std::string& family)
{
    if (family == "llama")
        return "LlamaForCausalLM";
    if (family == "mistral")
        return "MistralForCausalLM";
    if (family == "qwen2")
        return "Qwen2ForCausalLM";
    if (family == "qwen3")
        return "Qwen3ForCausalLM";
    if (family == "granite")
        return "GraniteForCausalLM";
    if (family == "smollm3")
        return "SmolLM3ForCausalLM";
    if (family == "olmo2")
        return "Olmo2ForCausalLM";
    LORIKEET_CHECK(false, "no config.json for family " + family);
    return "";
}

void addRopeScaling(ordered_json& config, const RopeScaling& scaling)
{
    if (scaling.type == RopeScaling::Type::Linear)
        config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", scaling.factor}};
    if (scaling.type == RopeScaling::Type::Dynamic)
        config["rope_scaling"] = {{"rope_type", "dynamic"}, {"factor", scaling.factor}};
    if (scaling.type == RopeScaling::Type::Yarn)
        config["rope_scaling"] = {{"rope_type", "yarn"},
                                  {"factor", scaling.factor},
                                  {"beta_fast", scaling.betaFast},
                                  {"beta_slow", scaling.betaSlow},
                                  {"attention_factor", scaling.attentionFactor},
                                  {"truncate", scaling.wholeDims},
                                  {"original_max_position_embeddings", scaling.originalContext}};
    if (scaling.type == RopeScaling::Type::Llama3)
        config["rope_scaling"] = {{"rope_type", "llama3"},
                                  {"factor", scaling.factor},
                                  {"low_freq_factor", scaling.lowFrequencyFactor},
                                  {"high_freq_factor", scaling.highFrequencyFactor},
                                  {"original_max_position_embeddings", scaling.originalContext}};
}

/// What one family says and another does not.
void addQuirks(ordered_json& config, const ModelShape& shape)
{
    if (shape.family == "llama" || shape.family == "granite" || shape.family == "smollm3") {
        config["attention_bias"] = shape.qkvBias;
        config["mlp_bias"] = shape.mlpBias;
    }
    if (shape.family == "qwen3" || shape.family == "olmo2")
        config["attention_bias"] = shape.qkvBias;
    if (shape.family == "granite") {
        config["embedding_multiplier"] = shape.embeddingScale;
        config["residual_multiplier"] = shape.residualScale;
        config["attention_multiplier"] = shape.attentionScale();
        config["logits_scaling"] = shape.logitDivisor;
    }
    if (shape.family == "smollm3") {
        std::vector<int> turned;
        for (std::int64_t layer = 0; layer < shape.layers; ++layer)
            turned.push_back(shape.hasRope(layer) ? 1 : 0);
        config["pad_token_id"] = nullptr;  // the class's default lies beyond other vocabularies
        config["no_rope_layers"] = turned;  // 1: the layer HAS rotary positions
    }
    if (shape.family == "mistral")
        config["sliding_window"] = shape.slidingWindow > 0 ? ordered_json(shape.slidingWindow) : ordered_json(nullptr);
    if (shape.family == "qwen2" || shape.family == "qwen3") {
        config["use_sliding_window"] = shape.slidingWindow > 0;
        if (shape.slidingWindow > 0) {
            config["sliding_window"] = shape.slidingWindow;
            config["max_window_layers"] = shape.slidingFrom;  // the layers from here on slide
        }
    }
}

}  // namespace

const char* torchNameOf(DType dtype)
{
    LORIKEET_CHECK(dtype == DType::BF16 || dtype == DType::F16 || dtype == DType::F32, "no torch weights of this type");
    return dtype == DType::BF16 ? "bfloat16" : dtype == DType::F16 ? "float16" : "float32";
}

std::string hfConfigOf(const ModelShape& shape, DType dtype, std::optional<std::int64_t> bos, std::optional<std::int64_t> eos)
{
    ordered_json config{{"architectures", std::array{classNameOf(shape.family)}},
                        {"model_type", shape.family},
                        {"hidden_act", "silu"},
                        {"hidden_size", shape.hidden},
                        {"intermediate_size", shape.mlp},
                        {"num_hidden_layers", shape.layers},
                        {"num_attention_heads", shape.heads},
                        {"num_key_value_heads", shape.kvHeads},
                        {"head_dim", shape.headSize},
                        {"vocab_size", shape.vocab},
                        {"max_position_embeddings", shape.maxContext},
                        {"rms_norm_eps", shape.normEps},
                        {"rope_theta", shape.ropeTheta},
                        {"tie_word_embeddings", shape.tiedHead},
                        {"torch_dtype", torchNameOf(dtype)}};
    addRopeScaling(config, shape.ropeScaling);
    addQuirks(config, shape);
    if (bos)
        config["bos_token_id"] = *bos;
    if (eos)
        config["eos_token_id"] = *eos;
    return config.dump(2) + "\n";
}

}  // namespace lorikeet::formats
