// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/plan/planner.h"

#include "engine/base/error.h"
#include "engine/plan/builder.h"
#include "engine/spec/module_pattern.h"

#include <algorithm>

namespace lorikeet::plan {

namespace {

constexpr std::int64_t kPrefillRows = 256;

void requireOffloadable(const ModelShape& shape, const Job& job)
{
    const JobRecipe& recipe = job.recipe;
    if (recipe.method == "full" && (recipe.offloadLayers > 0 || recipe.offloadEmbedding))
        throw Error(ErrorCode::Usage, "recipe.method is full, but only frozen weights can be offloaded",
                    "set recipe.offload_layers to 0 and recipe.offload_embedding to false");
    if (recipe.offloadEmbedding && alsoTrainOf(job).embeddings)
        throw Error(ErrorCode::Usage, "recipe.also_train names embeddings, but only frozen weights can be offloaded",
                    "set recipe.offload_embedding to false or leave embeddings out of recipe.also_train");
    if (recipe.offloadLayers > shape.layers)
        throw Error(ErrorCode::Usage,
                    "recipe.offload_layers is " + std::to_string(recipe.offloadLayers) + ", the model has " + std::to_string(shape.layers) + " layers",
                    "lower recipe.offload_layers");
    if (recipe.offloadEmbedding && shape.tiedHead)
        throw Error(ErrorCode::Usage, "recipe.offload_embedding is on, but this model's head is its embedding table, which every step needs whole",
                    "set recipe.offload_embedding to false");
}

void requirePrincipalRanks(const ModelShape& shape, const Job& job)
{
    if (!startsFromPrincipalParts(job))
        return;
    for (std::int64_t layer = 0; layer < shape.layers; ++layer)
        for (const Linear linear : targetsOf(job)) {
            const LinearShape map = shapeOf(linear, shape);
            const std::int64_t rank = adapterSizeOf(job, layer, linear).rank;
            if (rank > std::min(map.in, map.out))
                throw Error(ErrorCode::Usage,
                            "recipe.adapter_init is pissa and the rank " + std::to_string(rank) + ", but " + std::string(nameOf(linear)) + " has only "
                                + std::to_string(std::min(map.in, map.out)) + " principal directions",
                            "lower recipe.rank");
            if (job.recipe.rankPattern.empty() && layer > 0)
                return;  // every layer has the same sizes
        }
}

void requireMagnitudes(const Job& job)
{
    const JobRecipe& recipe = job.recipe;
    if (!recipe.dora)
        return;
    if (recipe.method == "full")
        throw Error(ErrorCode::Usage, "recipe.dora is on, but recipe.method full has no adapter", "set recipe.dora to false or recipe.method to lora");
    if (recipe.dropout > 0)
        throw Error(ErrorCode::Usage, "recipe.dora is on beside recipe.dropout", "set recipe.dropout to 0 or recipe.dora to false");
    if (recipe.adapterInit == "pissa")
        throw Error(ErrorCode::Usage, "recipe.dora is on beside recipe.adapter_init pissa", "set recipe.adapter_init to default or recipe.dora to false");
}

void requireTrainedRows(const ModelShape& shape, const Job& job)
{
    if (job.recipe.addedTokens.empty() || job.recipe.method == "full")
        return;
    const AlsoTrain also = alsoTrainOf(job);
    if (!also.embeddings)
        throw Error(ErrorCode::Usage, "recipe.added_tokens is set, but the rows of added tokens mean nothing until they are trained",
                    "add embeddings to recipe.also_train");
    if (!also.head && !shape.tiedHead)
        throw Error(ErrorCode::Usage, "recipe.added_tokens is set, and this model's head is a table of its own, whose new rows must be trained too",
                    "add head to recipe.also_train");
}

/// PEFT ignores a pattern that matches nothing; who mistypes one wants to hear it.
void requireMatchingPatterns(const ModelShape& shape, const Job& job)
{
    const auto matchesSome = [&](const ModulePattern& pattern) {
        for (std::int64_t layer = 0; layer < shape.layers; ++layer)
            for (const Linear linear : kLinears)
                if (pattern.matchesEndOf(modulePathOf(layer, linear)))
                    return true;
        return false;
    };
    const auto require = [&](const auto& patterns, const char* field) {
        for (const auto& [text, value] : patterns)
            if (!matchesSome(ModulePattern(text)))
                throw Error(ErrorCode::Usage,
                            std::string(field) + " has \"" + text + "\", which matches no module of this model's " + std::to_string(shape.layers) + " layers",
                            "write the end of a module path such as q_proj or layers.3.mlp.up_proj");
    };
    require(job.recipe.rankPattern, "recipe.rank_pattern");
    require(job.recipe.alphaPattern, "recipe.alpha_pattern");
}

void requirePlannable(const ModelShape& shape, const Job& job, Rank rank)
{
    if (rank.world != 1)
        throw Error(ErrorCode::Usage, "a run over " + std::to_string(rank.world) + " processes was asked for, but one is all that runs today",
                    "start it with one process");
    if (job.recipe.context > shape.maxContext)
        throw Error(ErrorCode::Usage,
                    "recipe.context is " + std::to_string(job.recipe.context) + ", but the model was made for "
                        + std::to_string(shape.maxContext) + " tokens",
                    "lower recipe.context");
    if (job.recipe.context < 1 || job.recipe.microBatch < 1 || job.recipe.lossChunk < 1)
        throw Error(ErrorCode::Usage, "recipe.context, recipe.micro_batch and recipe.loss_chunk must be at least 1",
                    "set them to 1 or more, for instance recipe.context=512 and recipe.micro_batch=1");
    if (job.recipe.method == "full" && quantizationOf(job) != Quantization::None)
        throw Error(ErrorCode::Usage, "recipe.method is full, but quantised weights cannot be trained themselves",
                    "set recipe.method to lora (QLoRA) or recipe.quantization to none");
    requireMatchingPatterns(shape, job);
    requireOffloadable(shape, job);
    requirePrincipalRanks(shape, job);
    requireMagnitudes(job);
    requireTrainedRows(shape, job);
}

std::vector<AdapterSlot> adapterSlots(const ModelShape& shape, const Job& job)
{
    std::vector<AdapterSlot> slots;
    const std::vector<Linear> targets = targetsOf(job);
    // Without patterns every layer has the same sizes: one look at the patterns is enough.
    const bool uniform = job.recipe.rankPattern.empty() && job.recipe.alphaPattern.empty();
    for (int layer = 0; layer < shape.layers; ++layer) {
        for (std::size_t i = 0; i < targets.size(); ++i) {
            AdapterSlot slot;
            slot.layer = layer;
            slot.linear = targets[i];
            slot.dora = job.recipe.dora;
            if (uniform && layer > 0) {
                const AdapterSlot& first = slots[i];
                slot.rank = first.rank;
                slot.alpha = first.alpha;
                slot.scale = first.scale;
            } else {
                const AdapterSize size = adapterSizeOf(job, layer, targets[i]);
                slot.rank = size.rank;
                slot.alpha = size.alpha;
                slot.scale = size.scale;
            }
            slots.push_back(slot);
        }
    }
    return slots;
}

}  // namespace

MemoryPlan plan(const ModelShape& shape, const Job& job, const DeviceSpec& device, const KernelCosts& costs, Rank rank, PlanOptions options)
{
    requirePlannable(shape, job, rank);
    MemoryPlan result;
    result.program = trainingProgram(static_cast<std::int32_t>(shape.layers));
    Layout& layout = result.layout;
    layout.compute = options.reference ? DType::F64 : precisionOf(job);
    layout.training = true;
    layout.context = job.recipe.context;
    layout.slots = job.slots();
    layout.lossChunk = std::min(job.recipe.lossChunk, layout.slots);
    layout.sampleContext = job.recipe.context;
    layout.prefillRows = std::min(kPrefillRows, layout.sampleContext);

    const bool full = job.recipe.method == "full";
    layout.quantization = quantizationOf(job);
    layout.doubleQuantization = layout.quantization == Quantization::Nf4 && job.recipe.doubleQuantization;
    Builder builder(shape, result);
    builder.named = !options.brief;
    const TrainedParameters parameters{full, alsoTrained(shape, alsoTrainOf(job))};
    addWeights(builder, parameters);
    offloadLayers(builder, job.recipe.offloadLayers);
    if (job.recipe.offloadEmbedding)
        offloadEmbedding(builder);
    if (job.recipe.offloadLayers > 0 || job.recipe.offloadEmbedding)
        addHostStaging(builder, job.recipe.offloadLayers > 0);
    addTrained(builder, {full ? std::vector<AdapterSlot>{} : adapterSlots(shape, job), parameters, true, optimizerOf(job), job.recipe.momentum});
    if (startsFromPrincipalParts(job))
        addPrincipal(builder, costs, device.kind == DeviceSpec::Kind::Cpu);
    addTraining(builder, {recomputeLevels(job, shape.layers), job.recipe.dropout > 0 && !full, costs.attentionWorkspace, job.recipe.offloadActivations});
    if (hasValidation(job))
        addEvaluation(builder);
    if (!job.run.samplePrompt.empty())
        addSampling(builder);
    addKernelScratch(builder, costs);
    packBuffers(result, options.guardBytes);
    summarise(result, device, costs, options.brief);
    return result;
}

MemoryPlan planInference(const ModelShape& shape, const InferenceJob& job, const DeviceSpec& device, const KernelCosts& costs,
                         PlanOptions options)
{
    if (shape.ropeScaling.type == RopeScaling::Type::Dynamic && std::max(job.context, job.evaluateRows) > shape.maxContext)
        throw Error(ErrorCode::Usage,
                    std::to_string(std::max(job.context, job.evaluateRows)) + " tokens are more than the model's context of " + std::to_string(shape.maxContext)
                        + ", and its dynamic positions depend on each row's length beyond it",
                    "use fewer tokens");
    MemoryPlan result;
    result.program = inferenceProgram(static_cast<std::int32_t>(shape.layers));
    Layout& layout = result.layout;
    layout.compute = job.precision;
    layout.quantization = job.quantization;
    layout.doubleQuantization = job.quantization == Quantization::Nf4 && job.doubleQuantization;
    layout.context = std::max(job.context, job.evaluateRows);
    layout.slots = job.evaluateRows;
    layout.lossChunk = std::max<std::int64_t>(1, std::min(job.lossChunk, job.evaluateRows));
    layout.sampleContext = job.context;
    layout.prefillRows = std::min(job.rows, job.context);

    Builder builder(shape, result);
    TrainedParameters parameters{false, job.parameters};
    std::ranges::sort(parameters.ids);
    addWeights(builder, parameters);
    addTrained(builder, {job.adapters, parameters, false, OptimizerKind::AdamW, 0});
    if (job.evaluateRows > 0)
        addEvaluation(builder);
    if (job.context > 0)
        addSampling(builder);
    addKernelScratch(builder, costs);
    packBuffers(result, options.guardBytes);
    summarise(result, device, costs, options.brief);
    return result;
}

}  // namespace lorikeet::plan
