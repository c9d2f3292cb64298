// SPDX-License-Identifier: GPL-3.0-or-later
// What still has to be put right in a job, all of it at once.
#include "engine/base/error.h"
#include "engine/spec/also_train.h"
#include "engine/spec/job.h"
#include "engine/spec/job_fields.h"
#include "engine/spec/job_words.h"
#include "engine/spec/module_pattern.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

namespace lorikeet {

namespace {

using Severity = Issue::Severity;

constexpr std::int64_t kLayersTried = 160;
constexpr double kMuchWarmup = 0.5;
constexpr double kMuchForFull = 1e-4;
constexpr double kMuchForTables = 5e-4;

/// Every value once more through its own check: a Job need not come from a file.
bool checkFields(const Job& job, std::vector<Issue>& issues)
{
    Job scratch;
    for (const JobField& field : jobFields()) {
        try {
            field.set(scratch, field.get(job));
        } catch (const Error& error) {
            issues.push_back({field.key, Severity::Error, error.message(), error.hint()});
        }
    }
    return issues.empty();
}

void checkChosen(const Job& job, std::vector<Issue>& issues)
{
    if (job.model.path.empty())
        issues.push_back({"model.path", Severity::Error, "no base model is chosen", "choose a folder, a .gguf file or \"starter\""});
    if (job.data.path.empty())
        issues.push_back({"data.path", Severity::Error, "no training data are chosen", "choose a .jsonl, .csv or .txt file"});
    if (!job.data.validationPath.empty() && job.data.validationFraction > 0)
        issues.push_back({"data.validation_fraction", Severity::Error,
                          "a validation file and a share of the training rows are both chosen",
                          "set data.validation_fraction to 0 or empty data.validation_path"});
    if (job.data.validationPath.empty() && job.data.validationFraction == 0 && job.run.evalEvery > 0)
        issues.push_back({"run.eval_every", Severity::Warning, "there are no validation data to evaluate",
                          "set data.validation_fraction to 0.1, for instance"});
}

/// Which modules a pattern reaches, over more layers than any model here has.
enum class Reach : std::uint8_t { Nothing, OtherModules, Targets };

Reach reachOf(const std::string& text, const std::vector<Linear>& targets)
{
    const ModulePattern pattern(text);
    Reach reach = Reach::Nothing;
    for (std::int64_t layer = 0; layer < kLayersTried; ++layer)
        for (const Linear linear : kLinears) {
            if (!pattern.matchesEndOf(modulePathOf(layer, linear)))
                continue;
            if (std::ranges::find(targets, linear) != targets.end())
                return Reach::Targets;
            reach = Reach::OtherModules;
        }
    return reach;
}

void checkPattern(const char* field, const std::string& pattern, const std::vector<Linear>& targets, std::vector<Issue>& issues)
{
    switch (reachOf(pattern, targets)) {
    case Reach::Targets: return;
    case Reach::Nothing:
        issues.push_back({field, Severity::Error, "\"" + pattern + "\" matches no module of any layer",
                          "write the end of a module path such as q_proj or layers.3.mlp.up_proj"});
        return;
    case Reach::OtherModules:
        issues.push_back({field, Severity::Warning, "\"" + pattern + "\" matches only modules that get no adapter",
                          "add them to recipe.targets or remove the pattern"});
        return;
    }
}

void checkPatterns(const Job& job, std::vector<Issue>& issues)
{
    const std::vector<Linear> targets = targetsOf(job);
    for (const auto& entry : job.recipe.rankPattern)
        checkPattern("recipe.rank_pattern", entry.first, targets, issues);
    for (const auto& entry : job.recipe.alphaPattern)
        checkPattern("recipe.alpha_pattern", entry.first, targets, issues);
}

/// Rows of a product are counted in 32 bits by the libraries that multiply.
constexpr std::int64_t kMostSlots = std::numeric_limits<std::int32_t>::max();

void checkTraining(const Job& job, std::vector<Issue>& issues)
{
    const JobRecipe& recipe = job.recipe;
    if (job.slots() > kMostSlots)
        issues.push_back({"recipe.micro_batch", Severity::Error,
                          "a micro-batch of " + std::to_string(recipe.microBatch) + " x " + std::to_string(recipe.context)
                              + " tokens is more than the " + std::to_string(kMostSlots) + " that one product can have",
                          "lower recipe.micro_batch or recipe.context"});
    const double warmupSteps = recipe.warmupRatio * static_cast<double>(recipe.maxSteps);
    if (recipe.maxSteps > 0 && recipe.warmupRatio > 0 && warmupSteps < 1)
        issues.push_back({"recipe.warmup_ratio", Severity::Warning,
                          "a warm-up of " + numberText(recipe.warmupRatio) + " is less than one of the " + std::to_string(recipe.maxSteps)
                              + " steps",
                          "raise recipe.warmup_ratio or set it to 0"});
    if (recipe.warmupRatio > kMuchWarmup)
        issues.push_back({"recipe.warmup_ratio", Severity::Warning, "the learning rate rises for more than half of the run",
                          "0.03 to 0.1 is usual"});
    if (recipe.learningRate == 0)
        issues.push_back({"recipe.learning_rate", Severity::Warning, "with a learning rate of 0 nothing is learnt", "2e-4 is usual"});
    if (recipe.lossChunk > job.slots())
        issues.push_back({"recipe.loss_chunk", Severity::Warning,
                          "a loss chunk of " + std::to_string(recipe.lossChunk) + " rows is more than the " + std::to_string(job.slots())
                              + " tokens of a micro-batch",
                          "lower recipe.loss_chunk"});
}

void checkMethod(const Job& job, std::vector<Issue>& issues)
{
    const JobRecipe& recipe = job.recipe;
    const bool full = recipe.method == "full";
    if (full && recipe.quantization != "none")
        issues.push_back({"recipe.quantization", Severity::Error, "quantised weights cannot be trained themselves",
                          "set recipe.method to lora (QLoRA) or recipe.quantization to none"});
    if (full && !recipe.initAdapter.empty())
        issues.push_back({"recipe.init_adapter", Severity::Error, "full fine-tuning has no adapter to start from",
                          "empty recipe.init_adapter or set recipe.method to lora"});
    if (full && recipe.adapterInit == "pissa")
        issues.push_back({"recipe.adapter_init", Severity::Error, "full fine-tuning has no adapter that could start as a principal part",
                          "set recipe.adapter_init to default or recipe.method to lora"});
    if (recipe.adapterInit == "pissa" && !recipe.initAdapter.empty())
        issues.push_back({"recipe.adapter_init", Severity::Error, "an adapter to continue from and principal parts to start from are both chosen",
                          "set recipe.adapter_init to default or empty recipe.init_adapter"});
    if (full && recipe.dora)
        issues.push_back({"recipe.dora", Severity::Error, "full fine-tuning has no adapter that could have magnitudes",
                          "set recipe.dora to false or recipe.method to lora"});
    if (recipe.dora && recipe.dropout > 0)
        issues.push_back({"recipe.dora", Severity::Error, "magnitudes (DoRA) and dropout are both chosen", "set recipe.dropout to 0 or recipe.dora to false"});
    if (recipe.dora && recipe.adapterInit == "pissa")
        issues.push_back({"recipe.dora", Severity::Error, "a start from principal parts cannot be exported as a plain adapter with magnitudes (DoRA)",
                          "set recipe.adapter_init to default or recipe.dora to false"});
    if (full && (recipe.offloadLayers > 0 || recipe.offloadEmbedding))
        issues.push_back({recipe.offloadLayers > 0 ? "recipe.offload_layers" : "recipe.offload_embedding", Severity::Error,
                          "full fine-tuning changes every weight, and only frozen ones can be offloaded",
                          "set recipe.offload_layers to 0 and recipe.offload_embedding to false, or recipe.method to lora"});
    if (full && recipe.learningRate > kMuchForFull)
        issues.push_back({"recipe.learning_rate", Severity::Warning,
                          "a learning rate of " + numberText(recipe.learningRate) + " is far too much for full fine-tuning",
                          "1e-5 to 5e-5 is usual"});
    if (full && recipe.loraplusRatio != 1.0)
        issues.push_back({"recipe.loraplus_ratio", Severity::Warning, "full fine-tuning has no B matrices: the ratio does nothing",
                          "set it to 1"});
}

void checkAlsoTrain(const Job& job, std::vector<Issue>& issues)
{
    const JobRecipe& recipe = job.recipe;
    if (recipe.alsoTrain.empty())
        return;
    if (recipe.method == "full")
        issues.push_back({"recipe.also_train", Severity::Warning, "full fine-tuning trains every weight anyway: the list does nothing",
                          "empty recipe.also_train or set recipe.method to lora"});
    else if (recipe.offloadEmbedding && alsoTrainOf(job).embeddings)
        issues.push_back({"recipe.offload_embedding", Severity::Error, "the embedding table is trained, and only frozen weights can be offloaded",
                          "set recipe.offload_embedding to false or leave embeddings out of recipe.also_train"});
    if (recipe.learningRate > kMuchForTables && (alsoTrainOf(job).embeddings || alsoTrainOf(job).head))
        issues.push_back({"recipe.learning_rate", Severity::Warning,
                          "a learning rate of " + numberText(recipe.learningRate) + " is much for a table that is trained whole",
                          "2e-5 to 2e-4 is usual with embeddings or head in recipe.also_train"});
}

void checkAddedTokens(const Job& job, std::vector<Issue>& issues)
{
    // Where the head is a table of its own it must be trained too: only the plan, which knows the model, can say so.
    if (job.recipe.method != "full" && !job.recipe.addedTokens.empty() && !alsoTrainOf(job).embeddings)
        issues.push_back({"recipe.added_tokens", Severity::Error, "the rows of added tokens mean nothing until they are trained",
                          "add embeddings to recipe.also_train, or set recipe.method to full"});
}

}  // namespace

std::vector<Issue> validate(const Job& job)
{
    std::vector<Issue> issues;
    const bool fieldsAreSound = checkFields(job, issues);
    checkChosen(job, issues);
    if (fieldsAreSound) {
        checkPatterns(job, issues);
        checkTraining(job, issues);
        checkMethod(job, issues);
        checkAlsoTrain(job, issues);
        checkAddedTokens(job, issues);
    }
    return issues;
}

}  // namespace lorikeet
