// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/peft_config.h"

#include "engine/base/files.h"
#include "engine/formats/json_text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace lorikeet::formats {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

constexpr std::int64_t kRankLimit = 1 << 16;

/// Off: null, false, {}, [].
bool isOff(const json& value)
{
    return value.is_null() || (value.is_boolean() && !value.get<bool>()) || (value.is_structured() && value.empty());
}

/// Fields that are read, or that do not change what a trained adapter computes.
bool isHarmless(const std::string& key)
{
    constexpr std::array kKeys{"alpha_pattern", "auto_mapping", "base_model_name_or_path", "bias", "corda_config", "ensure_weight_tying",
                               "eva_config", "fan_in_fan_out", "inference_mode", "init_lora_weights", "loftq_config", "lora_alpha",
                               "lora_dropout", "lora_ga_config", "megatron_core", "modules_to_save", "peft_type", "peft_version", "qalora_group_size", "r",
                               "rank_pattern", "revision", "runtime_config", "target_modules", "task_type", "use_dora", "use_rslora"};
    return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end();
}

void refuseVariants(const JsonFields& fields, const json& content)
{
    constexpr const char* kHint = "such adapters cannot be continued here; merge it into its base model with PEFT first";
    if (const std::string type = fields.text("peft_type").value_or(""); type != "LORA")
        fields.refuse("the adapter's method is '" + type + "', expected LORA", "choose a LoRA adapter");
    if (const std::string bias = fields.text("bias").value_or("none"); bias != "none")
        fields.refuse("the adapter trains biases (bias is '" + bias + "'), which is not supported", kHint);
    if (const json* init = fields.find("init_lora_weights"); init != nullptr && init->is_string()) {
        const std::string name = init->get<std::string>();
        for (const char* changesBase : {"pissa", "olora", "corda", "loftq", "lora_ga"}) {
            if (name.starts_with(changesBase))
                fields.refuse("the initialisation '" + name + "' changes the base model's weights, which is not supported",
                              "save the adapter with PEFT's path_initial_model_for_weight_conversion");
        }
    }
    // Anything else that is switched on is a feature we do not know: to ignore it would compute something else.
    for (const auto& [key, value] : content.items()) {
        const bool isSwitch = value.is_boolean() || value.is_structured() || key == "layers_to_transform" || key == "layers_pattern"
                           || key == "exclude_modules";
        if (!isHarmless(key) && isSwitch && !isOff(value))
            fields.refuse("the adapter uses '" + key + "', which is not supported", kHint);
    }
}

void readTargets(const JsonFields& fields, PeftConfig& config)
{
    const json* targets = fields.find("target_modules");
    if (targets == nullptr || targets->is_null())
        fields.refuse("'target_modules' is missing");
    if (targets->is_string()) {
        config.targetPattern = targets->get<std::string>();
        return;
    }
    if (!targets->is_array() || targets->empty())
        fields.refuse("'target_modules' is not a list of names or a regular expression");
    for (const json& target : *targets) {
        if (!target.is_string())
            fields.refuse("'target_modules' holds something that is not a name");
        config.targetModules.push_back(target.get<std::string>());
    }
}

void readModules(const JsonFields& fields, PeftConfig& config)
{
    config.ensureWeightTying = fields.boolean("ensure_weight_tying").value_or(false);
    const json* modules = fields.find("modules_to_save");
    if (modules == nullptr || modules->is_null())
        return;
    if (!modules->is_array())
        fields.refuse("'modules_to_save' is not a list of names");
    for (const json& module : *modules) {
        if (!module.is_string())
            fields.refuse("'modules_to_save' holds something that is not a name");
        config.modulesToSave.push_back(module.get<std::string>());
    }
}

std::int64_t checkedRank(const JsonFields& fields, const char* key, std::int64_t rank)
{
    if (rank < 1 || rank > kRankLimit)
        fields.refuse(std::string("'") + key + "' is " + std::to_string(rank) + ", expected 1 to " + std::to_string(kRankLimit));
    return rank;
}

double checkedAlpha(const JsonFields& fields, const char* key, double alpha)
{
    if (!(std::abs(alpha) <= 1e9))
        fields.refuse(std::string("'") + key + "' is not a finite number below 1e9");
    return alpha;
}

void readPatterns(const JsonFields& fields, const ordered_json& content, PeftConfig& config)
{
    for (const char* key : {"rank_pattern", "alpha_pattern"}) {
        if (fields.object(key) == nullptr)
            continue;
        for (const auto& [pattern, value] : content.at(key).items()) {
            if (!value.is_number())
                fields.refuse(std::string("'") + key + "' of '" + pattern + "' is not a number");
            if (key[0] == 'a')
                config.alphaPattern.emplace_back(pattern, checkedAlpha(fields, key, value.get<double>()));
            else if (value.is_number_integer() && value.get<double>() <= static_cast<double>(kRankLimit))
                config.rankPattern.emplace_back(pattern, checkedRank(fields, key, value.get<std::int64_t>()));
            else
                fields.refuse(std::string("'") + key + "' of '" + pattern + "' is not a rank");
        }
    }
}

/// Python writes an int where PEFT has one.
ordered_json numberOf(double value)
{
    const bool isWhole = std::trunc(value) == value && std::abs(value) < 1e15;
    return isWhole ? ordered_json(static_cast<std::int64_t>(value)) : ordered_json(value);
}

ordered_json textOrNull(const std::optional<std::string>& text) { return text ? ordered_json(*text) : ordered_json(nullptr); }

}  // namespace

PeftConfig parsePeftConfig(std::string_view text, const std::string& where)
{
    const json content = parseJsonObject(text, where);
    const JsonFields fields(content, where);
    refuseVariants(fields, content);
    PeftConfig config;
    config.rank = checkedRank(fields, "r", fields.integer("r").value_or(8));
    config.alpha = checkedAlpha(fields, "lora_alpha", fields.number("lora_alpha").value_or(8));
    config.dropout = fields.number("lora_dropout").value_or(0);
    if (!(config.dropout >= 0 && config.dropout < 1))
        fields.refuse("'lora_dropout' is not in [0, 1)");
    config.useDora = fields.boolean("use_dora").value_or(false);
    config.useRslora = fields.boolean("use_rslora").value_or(false);
    readTargets(fields, config);
    readModules(fields, config);
    readPatterns(fields, ordered_json::parse(text), config);  // a second look, because the sorted one forgets the order
    config.baseModel = fields.text("base_model_name_or_path");
    config.revision = fields.text("revision");
    config.taskType = fields.text("task_type");
    config.inferenceMode = fields.boolean("inference_mode").value_or(false);
    config.peftVersion = fields.text("peft_version").value_or("");
    return config;
}

PeftConfig readPeftConfig(const std::filesystem::path& path) { return parsePeftConfig(readTextFile(path, kConfigLimit), utf8(path)); }

std::string peftConfigJson(const PeftConfig& config)
{
    ordered_json ranks = ordered_json::object();
    for (const auto& [pattern, rank] : config.rankPattern)
        ranks[pattern] = rank;
    ordered_json alphas = ordered_json::object();
    for (const auto& [pattern, alpha] : config.alphaPattern)
        alphas[pattern] = numberOf(alpha);
    const ordered_json targets = config.targetPattern ? ordered_json(*config.targetPattern) : ordered_json(config.targetModules);
    ordered_json content{
        {"alpha_pattern", alphas},
        {"auto_mapping", nullptr},
        {"base_model_name_or_path", textOrNull(config.baseModel)},
        {"bias", "none"},
        {"corda_config", nullptr},
        {"ensure_weight_tying", config.ensureWeightTying},
        {"eva_config", nullptr},
        {"exclude_modules", nullptr},
        {"fan_in_fan_out", false},
        {"inference_mode", config.inferenceMode},
        {"init_lora_weights", true},
        {"layer_replication", nullptr},
        {"layers_pattern", nullptr},
        {"layers_to_transform", nullptr},
        {"loftq_config", ordered_json::object()},
        {"lora_alpha", numberOf(config.alpha)},
        {"lora_bias", false},
        {"lora_dropout", config.dropout},
        {"megatron_config", nullptr},
        {"megatron_core", "megatron.core"},
        {"modules_to_save", config.modulesToSave.empty() ? ordered_json(nullptr) : ordered_json(config.modulesToSave)},
        {"peft_type", "LORA"},
        {"peft_version", config.peftVersion},
        {"r", config.rank},
        {"rank_pattern", ranks},
        {"revision", textOrNull(config.revision)},
        {"target_modules", targets},
        {"target_parameters", nullptr},
        {"task_type", textOrNull(config.taskType)},
        {"trainable_token_indices", nullptr},
        {"use_dora", config.useDora},
        {"use_rslora", config.useRslora},
    };
    if (!config.ensureWeightTying)
        content.erase("ensure_weight_tying");
    return content.dump(2, ' ', true, ordered_json::error_handler_t::replace);
}

void writePeftConfig(const std::filesystem::path& path, const PeftConfig& config) { writeFileAtomically(path, peftConfigJson(config)); }

}  // namespace lorikeet::formats
