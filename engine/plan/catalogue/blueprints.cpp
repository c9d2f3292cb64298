// SPDX-License-Identifier: GPL-3.0-or-later
// Models by configuration only.
#include "engine/base/check.h"
#include "engine/plan/catalogue/catalogue.h"
#include "engine/plan/catalogue/embedded_text.h"
#include "engine/spec/job_words.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <vector>

namespace lorikeet::plan {

namespace {

constexpr int kBlueprintsVersion = 1;

RopeScaling readScaling(const nlohmann::json& entry)
{
    LORIKEET_CHECK(entry.at("type") == "llama3", "blueprints.json: rope scaling other than llama3");
    RopeScaling scaling;
    scaling.type = RopeScaling::Type::Llama3;
    entry.at("factor").get_to(scaling.factor);
    entry.at("low_frequency_factor").get_to(scaling.lowFrequencyFactor);
    entry.at("high_frequency_factor").get_to(scaling.highFrequencyFactor);
    entry.at("original_context").get_to(scaling.originalContext);
    return scaling;
}

Blueprint readBlueprint(const nlohmann::json& entry)
{
    Blueprint blueprint;
    ModelShape& shape = blueprint.shape;
    entry.at("name").get_to(shape.name);
    entry.at("family").get_to(shape.family);
    entry.at("layers").get_to(shape.layers);
    entry.at("hidden").get_to(shape.hidden);
    entry.at("heads").get_to(shape.heads);
    entry.at("kv_heads").get_to(shape.kvHeads);
    entry.at("head_size").get_to(shape.headSize);
    entry.at("mlp").get_to(shape.mlp);
    entry.at("vocab").get_to(shape.vocab);
    entry.at("max_context").get_to(shape.maxContext);
    entry.at("rope_theta").get_to(shape.ropeTheta);
    entry.at("norm_eps").get_to(shape.normEps);
    entry.at("tied_head").get_to(shape.tiedHead);
    shape.qkvBias = entry.value("qkv_bias", false);
    shape.qkNorm = entry.value("qk_norm", false);
    if (entry.contains("rope_scaling"))
        shape.ropeScaling = readScaling(entry.at("rope_scaling"));
    entry.at("published_parameters").get_to(blueprint.publishedParameters);
    entry.at("licence").get_to(blueprint.licence);
    entry.at("source").get_to(blueprint.source);
    validateShape(shape, "blueprint " + shape.name);
    return blueprint;
}

std::string lowerCase(std::string_view text)
{
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return lower;
}

/// Without "blueprint:" and "organisation/", in lower case.
std::string bareName(std::string_view name)
{
    std::string lower = lowerCase(name);
    const auto mark = lower.find_last_of(":/");
    return mark == std::string::npos ? lower : lower.substr(mark + 1);
}

}  // namespace

std::span<const Blueprint> blueprints()
{
    static const std::vector<Blueprint> all = [] {
        const auto document = nlohmann::json::parse(blueprintsText());
        LORIKEET_CHECK(document.at("lorikeet_blueprints") == kBlueprintsVersion, "blueprints.json has another format version");
        std::vector<Blueprint> read;
        for (const auto& entry : document.at("blueprints"))
            read.push_back(readBlueprint(entry));
        return read;
    }();
    return all;
}

const ModelShape* findBlueprint(std::string_view name)
{
    const std::string wanted = bareName(name);
    for (const Blueprint& blueprint : blueprints())
        if (lowerCase(blueprint.shape.name) == wanted)
            return &blueprint.shape;
    return nullptr;
}

std::optional<std::string> suggestBlueprint(std::string_view name)
{
    std::vector<std::string> known;
    for (const Blueprint& blueprint : blueprints())
        known.push_back(lowerCase(blueprint.shape.name));
    const auto near = nearestWord(bareName(name), known);
    if (!near)
        return std::nullopt;
    return blueprints()[static_cast<std::size_t>(std::ranges::find(known, *near) - known.begin())].shape.name;
}

}  // namespace lorikeet::plan
