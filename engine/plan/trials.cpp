// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/plan/trials.h"

#include "engine/base/error.h"
#include "engine/base/units.h"

#include <algorithm>

namespace lorikeet::plan {

namespace {

/// A share of the time that nobody notices: "same speed".
constexpr double kNoticed = 0.005;

/// Everything that a lever changes.
std::string keyOf(const Job& job)
{
    const JobRecipe& r = job.recipe;
    std::string key = r.recompute + "|" + r.precision + "|" + r.quantization + "|" + r.optimizer + "|" + r.method + (r.doubleQuantization ? "|d" : "|s");
    for (const std::int64_t value : {r.microBatch, r.context, r.lossChunk, r.rank, r.offloadLayers, std::int64_t{r.offloadEmbedding}, std::int64_t{r.offloadActivations}})
        key += "|" + std::to_string(value);
    return key;
}

/// "3 in 12 of 30 layers", "3 in all layers", or ranges where there are more than two.
std::string recomputeWords(const ModelShape& shape, const Job& job)
{
    const std::vector<Recompute> levels = recomputeLevels(job, shape.layers);
    const auto alike = static_cast<std::size_t>(std::ranges::count(levels, levels.front()));
    if (alike == levels.size())
        return std::to_string(static_cast<int>(levels.front())) + " in all layers";
    const bool twoRanges = std::all_of(levels.begin() + static_cast<std::ptrdiff_t>(alike), levels.end(),
                                       [&](Recompute level) { return level == levels.back(); });
    if (!twoRanges)
        return job.recipe.recompute;
    return std::to_string(static_cast<int>(levels.front())) + " in " + std::to_string(alike) + " of " + std::to_string(levels.size()) + " layers, "
           + std::to_string(static_cast<int>(levels.back())) + " in the others";
}

std::string wordsOf(Lever lever, const ModelShape& shape, const Job& job)
{
    const JobRecipe& r = job.recipe;
    const auto integer = [](std::int64_t value) { return formatInteger(static_cast<std::uint64_t>(value)); };
    switch (lever) {
    case Lever::MicroBatch: return "micro-batch " + integer(r.microBatch) + " (accumulation " + integer(r.accumulation) + ")";
    case Lever::LossChunk: return "loss chunk " + integer(r.lossChunk);
    case Lever::Recompute: return "recompute " + recomputeWords(shape, job);
    case Lever::Optimizer: return "optimizer " + r.optimizer;
    case Lever::Precision: return "precision " + r.precision;
    case Lever::Quantization: return r.quantization == "none" ? "no quantisation" : r.quantization + " weights";
    case Lever::Rank: return "rank " + integer(r.rank);
    case Lever::Context: return "context " + integer(r.context);
    case Lever::HostEmbedding: return r.offloadEmbedding ? "embedding in host memory" : "embedding on the device";
    case Lever::HostActivations: return r.offloadActivations ? "kept activations in host memory" : "kept activations on the device";
    case Lever::HostLayers:
        return r.offloadLayers == 0 ? "all layers on the device" : integer(r.offloadLayers) + " of " + integer(shape.layers) + " layers in host memory";
    }
    return "";
}

bool isTurned(Lever lever, const Job& before, const Job& after)
{
    const JobRecipe& a = before.recipe;
    const JobRecipe& b = after.recipe;
    switch (lever) {
    case Lever::MicroBatch: return a.microBatch != b.microBatch;
    case Lever::LossChunk: return a.lossChunk != b.lossChunk;
    case Lever::Recompute: return a.recompute != b.recompute;
    case Lever::Optimizer: return a.optimizer != b.optimizer;
    case Lever::Precision: return a.precision != b.precision;
    case Lever::Quantization: return a.quantization != b.quantization || a.doubleQuantization != b.doubleQuantization;
    case Lever::Rank: return a.rank != b.rank;
    case Lever::Context: return a.context != b.context;
    case Lever::HostEmbedding: return a.offloadEmbedding != b.offloadEmbedding;
    case Lever::HostActivations: return a.offloadActivations != b.offloadActivations;
    case Lever::HostLayers: return a.offloadLayers != b.offloadLayers;
    }
    return false;
}

std::string noteOf(Lever lever, const Job& before, const Job& after)
{
    switch (lever) {
    case Lever::MicroBatch:
        return after.recipe.microBatch * after.recipe.accumulation == before.recipe.microBatch * before.recipe.accumulation
                 ? "" : "The optimizer sees more tokens a step: fewer, steadier steps.";
    case Lever::LossChunk:
    case Lever::HostEmbedding:
    case Lever::HostActivations:
    case Lever::HostLayers:
    case Lever::Recompute: return "";
    case Lever::Optimizer: return "8-bit moments follow the curve of 32-bit Adam within 1 %.";
    case Lever::Precision:
        return after.recipe.precision == "bf16" ? "bf16 keeps 8 bits of each number: practically the same result." : "fp32 rounds least.";
    case Lever::Quantization:
        return after.recipe.quantization == "nf4"    ? "NF4 stores the frozen weights in 4 bits; QLoRA reports the same results from 7B on, small models lose more."
               : after.recipe.quantization == "int8" ? "int8 stores the frozen weights in 8 bits, an error of at most 0.4 % of each row's largest weight."
                                                      : "The frozen weights keep the precision of their file.";
    case Lever::Rank: return after.recipe.rank < before.recipe.rank ? "A smaller adapter can learn less detail." : "A larger adapter can learn more detail.";
    case Lever::Context: return after.recipe.context < before.recipe.context ? "Texts longer than the context lose their end." : "Longer texts are seen whole.";
    }
    return "";
}

}  // namespace

namespace {

Trial trialWith(const ModelShape& shape, const Job& job, const DeviceSpec& device, const CostsOf& costs, PlanOptions options)
{
    const MemoryPlan made = plan(shape, job, device, costs(job), {}, options);
    return {true, {}, made.totalBytes(), made.hostBytes, made.verdict, made.categoryBytes};
}

}  // namespace

Trial trialOf(const ModelShape& shape, const Job& job, const DeviceSpec& device, const CostsOf& costs)
{
    return trialWith(shape, job, device, costs, {});
}

const Trial& Trials::of(const Job& job)
{
    const auto [it, isNew] = m_known.try_emplace(keyOf(job));
    if (!isNew)
        return it->second;
    ++m_plans;
    try {
        it->second = trialWith(m_shape, job, m_device, m_costs, m_options);
    } catch (const Error& error) {
        it->second.possible = false;
        it->second.reason = error.what();
    }
    return it->second;
}

FitWay wayBetween(const ModelShape& shape, const Job& before, std::uint64_t bytesBefore, const Job& after, const Trial& trial,
                  const DeviceSpec& device, const Workload& workload)
{
    FitWay way;
    way.job = after;
    way.changes = changesBetween(before, after);
    way.totalBytes = trial.totalBytes;
    way.hostBytes = trial.hostBytes;
    way.bytesSaved = static_cast<std::int64_t>(bytesBefore) - static_cast<std::int64_t>(trial.totalBytes);
    way.slowdown = secondsPerToken(shape, after, device, workload) / secondsPerToken(shape, before, device, workload);
    way.verdict = trial.verdict;
    way.loss = lossBetween(before, after);
    way.roundings = roundingsBetween(before, after);
    for (const Lever lever : kLevers) {
        if (!isTurned(lever, before, after))
            continue;
        way.levers.push_back(lever);
        const std::string note = noteOf(lever, before, after);
        // A micro-batch with something to note changes the global batch.
        way.quality = std::max(way.quality, lever == Lever::MicroBatch && !note.empty() ? Quality::Changed : qualityOf(lever));
        way.summary += (way.summary.empty() ? "" : ", ") + wordsOf(lever, shape, after);
        if (!note.empty())
            way.qualityNote += (way.qualityNote.empty() ? "" : " ") + note;
    }
    if (way.qualityNote.empty())
        way.qualityNote = way.slowdown > 1 + kNoticed ? "The same result; only time is paid."
                          : way.bytesSaved < 0        ? "The same result; only memory is paid."
                                                      : "The same result.";
    return way;
}

}  // namespace lorikeet::plan
