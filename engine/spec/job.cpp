// SPDX-License-Identifier: GPL-3.0-or-later
// What the fields of a job mean together: targets, sizes of adapters, recompute levels.
#include "engine/spec/job.h"

#include "engine/base/error.h"
#include "engine/spec/also_train.h"
#include "engine/spec/job_words.h"
#include "engine/spec/module_pattern.h"

#include <cmath>

namespace lorikeet {

namespace {

/// The value of the first pattern that matches, or `otherwise`.
template <typename T>
T valueForModule(const std::map<std::string, T>& patterns, const std::string& modulePath, T otherwise)
{
    for (const auto& [pattern, value] : patterns)
        if (ModulePattern(pattern).matchesEndOf(modulePath))
            return value;
    return otherwise;
}

}  // namespace

std::vector<Linear> targetsOf(const Job& job)
{
    return parseTargets(job.recipe.targets);
}

AdapterSize adapterSizeOf(const Job& job, std::int64_t layer, Linear linear)
{
    const JobRecipe& recipe = job.recipe;
    AdapterSize size{recipe.rank, recipe.alpha, 0};
    if (!recipe.rankPattern.empty() || !recipe.alphaPattern.empty()) {
        const std::string path = modulePathOf(layer, linear);
        size.rank = valueForModule(recipe.rankPattern, path, recipe.rank);
        size.alpha = valueForModule(recipe.alphaPattern, path, recipe.alpha);
    }
    const auto rank = static_cast<double>(size.rank);
    size.scale = size.alpha / (recipe.rslora ? std::sqrt(rank) : rank);
    return size;
}

std::vector<Recompute> recomputeLevels(const Job& job, std::int64_t layers)
{
    const std::vector<RecomputeRange> ranges = parseRecompute(job.recipe.recompute);
    if (ranges.front().last < 0)
        return std::vector<Recompute>(static_cast<std::size_t>(layers), ranges.front().level);
    std::vector<Recompute> levels;
    const auto refuse = [&](std::int64_t layer, const std::string& what) {
        throw Error(ErrorCode::Usage,
                    "recipe.recompute \"" + job.recipe.recompute + "\": layer " + std::to_string(layer) + " " + what + ", the model has layers 0 to "
                        + std::to_string(layers - 1),
                    "give every layer one level, or one level for all such as \"1\"");
    };
    for (const RecomputeRange& range : ranges) {
        const auto next = static_cast<std::int64_t>(levels.size());
        if (range.first != next && next < layers)
            refuse(next, "has no level");
        if (range.last >= layers)
            refuse(range.last, "does not exist");
        levels.insert(levels.end(), static_cast<std::size_t>(range.last - range.first + 1), range.level);
    }
    if (static_cast<std::int64_t>(levels.size()) < layers)
        refuse(static_cast<std::int64_t>(levels.size()), "has no level");
    return levels;
}

bool startsFromPrincipalParts(const Job& job) noexcept { return job.recipe.method == "lora" && job.recipe.adapterInit == "pissa"; }

bool trainsMagnitudes(const Job& job) noexcept { return job.recipe.method == "lora" && job.recipe.dora; }

AlsoTrain alsoTrainOf(const Job& job)
{
    AlsoTrain also;
    if (job.recipe.method == "full")
        return also;
    for (const std::string& word : job.recipe.alsoTrain) {
        if (word == "embeddings")
            also.embeddings = true;
        else if (word == "head")
            also.head = true;
        else if (word == "norms")
            also.norms = true;
        else
            throw Error(ErrorCode::Usage, "recipe.also_train names \"" + word + "\", expected embeddings, head or norms", "choose among these words, or leave the list empty");
    }
    return also;
}

OptimizerKind optimizerOf(const Job& job)
{
    const std::string& name = job.recipe.optimizer;
    if (name == "adamw")
        return OptimizerKind::AdamW;
    if (name == "adamw_8bit")
        return OptimizerKind::AdamW8bit;
    if (name == "sgd")
        return OptimizerKind::Sgd;
    if (name == "lion")
        return OptimizerKind::Lion;
    throw Error(ErrorCode::Usage, "recipe.optimizer is \"" + name + "\", expected adamw, adamw_8bit, sgd or lion", "choose one of these words");
}

Quantization quantizationOf(const Job& job)
{
    if (const auto kind = quantizationNamed(job.recipe.quantization))
        return *kind;
    throw Error(ErrorCode::Usage, "recipe.quantization is \"" + job.recipe.quantization + "\", expected none, nf4 or int8", "choose one of these words");
}

bool hasValidation(const Job& job) noexcept { return job.data.validationFraction > 0 || !job.data.validationPath.empty(); }

DType precisionOf(const Job& job)
{
    if (job.recipe.precision == "bf16")
        return DType::BF16;
    if (job.recipe.precision == "fp32")
        return DType::F32;
    throw Error(ErrorCode::Usage, "recipe.precision is \"" + job.recipe.precision + "\", expected fp32 or bf16", "choose one of these words");
}

}  // namespace lorikeet
