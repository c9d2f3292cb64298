// SPDX-License-Identifier: GPL-3.0-or-later
// blueprints.json to shapes.
#include "engine/base/error.h"
#include "engine/plan/catalogue/catalogue_fields.h"
#include "engine/plan/catalogue/catalogue_reader.h"

#include <nlohmann/json.hpp>

#include <set>

namespace lorikeet::plan {

namespace {

using nlohmann::json;

constexpr std::int64_t kVersion = 2;
constexpr std::int64_t kLargest = std::int64_t{1} << 40;  ///< a coarse bound; validateShape() knows the exact ones

RopeScaling readScaling(const CatalogueFields& fields)
{
    fields.allow({"type", "factor", "low_frequency_factor", "high_frequency_factor", "original_context"});
    if (fields.text("type") != "llama3")
        fields.refuse("'type' is \"" + fields.text("type") + "\", expected llama3");
    RopeScaling scaling;
    scaling.type = RopeScaling::Type::Llama3;
    scaling.factor = fields.number("factor", 1e-6, 1e6);
    scaling.lowFrequencyFactor = fields.number("low_frequency_factor", 1e-6, 1e6);
    scaling.highFrequencyFactor = fields.number("high_frequency_factor", 1e-6, 1e6);
    scaling.originalContext = fields.integer("original_context", 1, kLargest);
    if (!(scaling.highFrequencyFactor > scaling.lowFrequencyFactor))
        fields.refuse("'high_frequency_factor' is not above 'low_frequency_factor'");
    return scaling;
}

void readQuirks(const CatalogueFields& fields, ModelShape& shape)
{
    shape.qkvBias = fields.booleanOr("qkv_bias", false);
    const std::string qkNorm = fields.textOr("qk_norm", "none");
    if (qkNorm != "none" && qkNorm != "head" && qkNorm != "width")
        fields.refuse("'qk_norm' is \"" + qkNorm + "\", expected head or width");
    shape.qkNorm = qkNorm != "none";
    shape.qkNormWholeWidth = qkNorm == "width";
    shape.normsPerLayer = fields.integerOr("norms_per_layer", 1, kLargest, 2);
    shape.normBias = fields.booleanOr("norm_bias", false);
    shape.normAfter = fields.booleanOr("norm_after", false);
    shape.slidingWindow = fields.integerOr("sliding_window", 1, kLargest, 0);
    shape.slidingPeriod = fields.integerOr("sliding_period", 1, kLargest, 0);
    shape.noRopePeriod = fields.integerOr("no_rope_period", 1, kLargest, 0);
    const auto scale = [&](const char* key, double absent) { return fields.has(key) ? fields.number(key, 1e-6, 1e6) : absent; };
    shape.embeddingScale = scale("embedding_multiplier", 1.0);
    shape.residualScale = scale("residual_multiplier", 1.0);
    shape.attentionMultiplier = scale("attention_multiplier", 0.0);
    shape.logitDivisor = scale("logits_scaling", 1.0);
    if (fields.has("rope_scaling"))
        shape.ropeScaling = readScaling(CatalogueFields(fields.object("rope_scaling"), fields.where() + ": rope_scaling"));
}

ModelShape readShape(const CatalogueFields& fields)
{
    const auto count = [&](const char* key) { return fields.integer(key, 1, kLargest); };
    ModelShape shape;
    shape.name = fields.text("name");
    shape.family = fields.text("family");
    shape.layers = count("layers");
    shape.hidden = count("hidden");
    shape.heads = count("heads");
    shape.kvHeads = count("kv_heads");
    shape.headSize = count("head_size");
    shape.mlp = count("mlp");
    shape.vocab = count("vocab");
    shape.maxContext = count("max_context");
    shape.ropeTheta = fields.number("rope_theta", 1e-3, 1e12);
    shape.normEps = fields.number("norm_eps", 1e-12, 0.5);
    if (!fields.has("tied_head"))
        fields.refuse("'tied_head' is missing");
    shape.tiedHead = fields.booleanOr("tied_head", false);
    readQuirks(fields, shape);
    validateShape(shape, fields.where());
    return shape;
}

Blueprint readBlueprint(const CatalogueFields& fields)
{
    fields.allow({"name", "repository", "family", "licence", "layers", "hidden", "heads", "kv_heads", "head_size", "mlp", "vocab", "tied_head",
                  "max_context", "rope_theta", "norm_eps", "rope_scaling", "qkv_bias", "qk_norm", "norms_per_layer", "norm_bias", "norm_after", "sliding_window",
                  "sliding_period", "no_rope_period", "embedding_multiplier", "residual_multiplier", "attention_multiplier", "logits_scaling",
                  "published_parameters", "source"});
    Blueprint blueprint;
    blueprint.shape = readShape(fields);
    blueprint.repository = fields.text("repository");
    blueprint.licence = fields.text("licence");
    blueprint.source = fields.text("source");
    blueprint.publishedParameters = static_cast<std::uint64_t>(fields.integer("published_parameters", 1, static_cast<std::int64_t>(kMostParameters)));
    if (blueprint.shape.parameterCount() != blueprint.publishedParameters)
        fields.refuse("'published_parameters' is " + std::to_string(blueprint.publishedParameters) + ", but the shape has "
                      + std::to_string(blueprint.shape.parameterCount()));
    return blueprint;
}

}  // namespace

std::vector<Blueprint> readBlueprints(std::string_view text, const std::string& where)
{
    const json document = parseCatalogue(text, where, "lorikeet_blueprints", kVersion);
    std::vector<Blueprint> blueprints;
    std::set<std::string> names;
    for (const json& entry : CatalogueFields(document, where).list("blueprints")) {
        const std::string name = CatalogueFields(entry, where + ": blueprint " + std::to_string(blueprints.size() + 1)).text("name");
        const CatalogueFields fields(entry, where + ": " + name);
        blueprints.push_back(readBlueprint(fields));
        if (!names.insert(name).second)
            fields.refuse("'name' is used twice");
    }
    return blueprints;
}

}  // namespace lorikeet::plan
