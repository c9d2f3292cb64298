// SPDX-License-Identifier: GPL-3.0-or-later
// The levers of the solver: their settings, what they do to quality, and a job's changes in words.
#include "engine/plan/levers.h"

#include "engine/base/units.h"
#include "engine/spec/also_train.h"
#include "engine/spec/job_fields.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lorikeet::plan {

namespace {

constexpr std::int64_t kContextGrain = 64;

/// All divisors of the micro-batch, large to small; the global batch stays.
std::vector<Job> microBatches(const Job& job)
{
    std::vector<Job> jobs{job};
    const std::int64_t global = job.recipe.microBatch * job.recipe.accumulation;
    for (std::int64_t size = job.recipe.microBatch - 1; size >= 1; --size) {
        if (job.recipe.microBatch % size != 0)
            continue;
        Job other = job;
        other.recipe.microBatch = size;
        other.recipe.accumulation = global / size;
        jobs.push_back(std::move(other));
    }
    return jobs;
}

std::vector<Job> lossChunks(const Job& job, std::int64_t least)
{
    std::vector<Job> jobs{job};
    // A chunk is never larger than the micro-batch, so halving starts there.
    for (std::int64_t rows = std::min(job.recipe.lossChunk, job.slots()) / 2; rows >= least; rows /= 2) {
        Job other = job;
        other.recipe.lossChunk = rows;
        jobs.push_back(std::move(other));
    }
    return jobs;
}

std::vector<Job> quantizations(const Job& job)
{
    std::vector<Job> jobs{job};
    if (job.recipe.method == "full")
        return jobs;
    const auto add = [&](const char* name) {
        Job other = job;
        other.recipe.quantization = name;
        other.recipe.doubleQuantization = true;
        jobs.push_back(std::move(other));
    };
    switch (quantizationOf(job)) {
    case Quantization::None: add("int8"); add("nf4"); break;
    case Quantization::Int8: add("nf4"); break;
    case Quantization::Nf4:
        if (!job.recipe.doubleQuantization)
            add("nf4");
        break;
    }
    return jobs;
}

std::vector<Job> optimizers(const Job& job)
{
    std::vector<Job> jobs{job};
    if (optimizerOf(job) == OptimizerKind::AdamW) {
        jobs.push_back(job);
        jobs.back().recipe.optimizer = "adamw_8bit";
    }
    return jobs;
}

std::vector<Job> precisions(const Job& job)
{
    std::vector<Job> jobs{job};
    if (precisionOf(job) == DType::F32) {
        jobs.push_back(job);
        jobs.back().recipe.precision = "bf16";
    }
    return jobs;
}

/// Halves of the rank; alpha goes with it, so that the adapter acts as strongly.
std::vector<Job> ranks(const Job& job, std::int64_t least)
{
    std::vector<Job> jobs{job};
    if (job.recipe.method == "full" || !job.recipe.rankPattern.empty())
        return jobs;
    for (std::int64_t rank = job.recipe.rank / 2; rank >= least; rank /= 2)
        jobs.push_back(withRank(job, rank));
    return jobs;
}

/// Eighths of each halving, in multiples of 64.
std::vector<Job> contexts(const Job& job, std::int64_t least)
{
    std::vector<Job> jobs{job};
    for (std::int64_t from = job.recipe.context; from > least; from /= 2) {
        for (int eighths = 7; eighths >= 4; --eighths) {
            const std::int64_t context = from * eighths / 8 / kContextGrain * kContextGrain;
            if (context < least || context >= jobs.back().recipe.context)
                continue;
            Job other = job;
            other.recipe.context = context;
            jobs.push_back(std::move(other));
        }
    }
    return jobs;
}

/// A tied table is the head too, which every step needs whole; a trained one cannot be offloaded.
std::vector<Job> hostEmbeddings(const ModelShape& shape, const Job& job)
{
    std::vector<Job> jobs{job};
    if (!shape.tiedHead && job.recipe.method != "full" && !alsoTrainOf(job).embeddings && !job.recipe.offloadEmbedding) {
        jobs.push_back(job);
        jobs.back().recipe.offloadEmbedding = true;
    }
    return jobs;
}

/// With two layers or fewer the two slots are as large as what they replace.
constexpr std::int64_t kFewestHostLayers = 3;

std::vector<Job> hostActivations(const ModelShape& shape, const Job& job)
{
    std::vector<Job> jobs{job};
    if (shape.layers >= kFewestHostLayers && !job.recipe.offloadActivations) {
        jobs.push_back(job);
        jobs.back().recipe.offloadActivations = true;
    }
    return jobs;
}

std::vector<Job> hostLayers(const ModelShape& shape, const Job& job)
{
    std::vector<Job> jobs{job};
    if (job.recipe.method == "full")
        return jobs;
    for (std::int64_t layers = std::max(kFewestHostLayers, job.recipe.offloadLayers + 1); layers <= shape.layers; ++layers) {
        jobs.push_back(job);
        jobs.back().recipe.offloadLayers = layers;
    }
    return jobs;
}

std::vector<Job> recomputes(const ModelShape& shape, const Job& job)
{
    std::vector<Job> jobs{job};
    for (const RecomputeFamily& family : recomputeFamilies(shape, job))
        for (std::int64_t layers = 1; layers <= shape.layers; ++layers)
            jobs.push_back(family.with(job, layers));
    return jobs;
}

/// The value as the text that setJobField() reads.
std::string textOf(const nlohmann::ordered_json& value)
{
    return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

std::string recomputeText(const std::vector<Recompute>& levels)
{
    std::string text;
    for (std::size_t first = 0; first < levels.size();) {
        std::size_t end = first;
        while (end < levels.size() && levels[end] == levels[first])
            ++end;
        const std::string level = std::to_string(static_cast<int>(levels[first]));
        if (first == 0 && end == levels.size())
            return level;
        text += (text.empty() ? "" : ",") + std::to_string(first) + "-" + std::to_string(end - 1) + ":" + level;
        first = end;
    }
    return text;
}

Job RecomputeFamily::with(const Job& job, std::int64_t layers) const
{
    std::vector<Recompute> levels = current;
    for (std::size_t i = 0; i < levels.size(); ++i)
        levels[i] = std::max(levels[i], static_cast<std::int64_t>(i) < layers ? high : low);
    Job other = job;
    other.recipe.recompute = recomputeText(levels);
    return other;
}

std::vector<RecomputeFamily> recomputeFamilies(const ModelShape& shape, const Job& job)
{
    const std::vector<Recompute> current = recomputeLevels(job, shape.layers);
    const Recompute least = *std::ranges::min_element(current);
    std::vector<RecomputeFamily> families;
    for (int high = static_cast<int>(least) + 1; high <= static_cast<int>(Recompute::WholeBlock); ++high)
        for (int low = static_cast<int>(least); low < high; ++low)
            families.push_back({current, static_cast<Recompute>(low), static_cast<Recompute>(high)});
    return families;
}

Job withRank(const Job& job, std::int64_t rank)
{
    Job other = job;
    other.recipe.rank = rank;
    other.recipe.alpha = job.recipe.alpha * static_cast<double>(rank) / static_cast<double>(job.recipe.rank);
    return other;
}

std::vector<Job> settingsOf(Lever lever, const ModelShape& shape, const Job& job, const FitOptions& options)
{
    switch (lever) {
    case Lever::MicroBatch: return microBatches(job);
    case Lever::LossChunk: return lossChunks(job, options.leastLossChunk);
    case Lever::Recompute: return recomputes(shape, job);
    case Lever::Optimizer: return optimizers(job);
    case Lever::Precision: return precisions(job);
    case Lever::Quantization: return quantizations(job);
    case Lever::Rank: return ranks(job, options.leastRank);
    case Lever::Context: return contexts(job, options.leastContext);
    case Lever::HostEmbedding: return hostEmbeddings(shape, job);
    case Lever::HostActivations: return hostActivations(shape, job);
    case Lever::HostLayers: return hostLayers(shape, job);
    }
    return {job};
}

std::string_view nameOf(Quality quality) noexcept
{
    switch (quality) {
    case Quality::Neutral: return "neutral";
    case Quality::Bounded: return "bounded";
    case Quality::Changed: return "changed";
    }
    return "?";
}

std::string_view nameOf(Lever lever) noexcept
{
    switch (lever) {
    case Lever::MicroBatch: return "micro-batch";
    case Lever::LossChunk: return "loss chunk";
    case Lever::Recompute: return "recompute";
    case Lever::Optimizer: return "8-bit optimizer";
    case Lever::Precision: return "precision";
    case Lever::Quantization: return "quantisation";
    case Lever::Rank: return "rank";
    case Lever::Context: return "context";
    case Lever::HostEmbedding: return "embedding in host memory";
    case Lever::HostActivations: return "kept activations in host memory";
    case Lever::HostLayers: return "layers in host memory";
    }
    return "?";
}

Quality qualityOf(Lever lever) noexcept
{
    switch (lever) {
    case Lever::MicroBatch:
    case Lever::LossChunk:
    case Lever::HostEmbedding:
    case Lever::HostActivations:
    case Lever::HostLayers:
    case Lever::Recompute: return Quality::Neutral;
    case Lever::Optimizer:
    case Lever::Precision:
    case Lever::Quantization: return Quality::Bounded;
    case Lever::Rank:
    case Lever::Context: return Quality::Changed;
    }
    return Quality::Changed;
}

double lossBetween(const Job& before, const Job& after) noexcept
{
    const auto halvings = [](std::int64_t from, std::int64_t to) { return std::log2(static_cast<double>(from) / static_cast<double>(to)); };
    return halvings(before.recipe.context, after.recipe.context) + halvings(before.recipe.rank, after.recipe.rank);
}

int roundingsBetween(const Job& before, const Job& after)
{
    const auto coarseness = [](const Job& job) {
        switch (quantizationOf(job)) {
        case Quantization::None: return 0;
        case Quantization::Int8: return 1;
        case Quantization::Nf4: return 2;
        }
        return 0;
    };
    const bool scalesOnly = quantizationOf(before) == Quantization::Nf4 && quantizationOf(after) == Quantization::Nf4
                            && !before.recipe.doubleQuantization && after.recipe.doubleQuantization;
    return std::max(0, coarseness(after) - coarseness(before)) + int{scalesOnly}
           + int{precisionOf(before) == DType::F32 && precisionOf(after) != DType::F32}
           + int{optimizerOf(before) == OptimizerKind::AdamW && optimizerOf(after) == OptimizerKind::AdamW8bit};
}

std::vector<FieldChange> changesBetween(const Job& before, const Job& after)
{
    std::vector<FieldChange> changes;
    for (const JobField& field : jobFields()) {
        const auto from = field.get(before);
        const auto to = field.get(after);
        if (from != to)
            changes.push_back({field.key, field.label, textOf(from), textOf(to)});
    }
    return changes;
}

}  // namespace lorikeet::plan
