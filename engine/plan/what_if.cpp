// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/plan/what_if.h"

#include "engine/base/error.h"
#include "engine/base/units.h"
#include "engine/plan/levers.h"
#include "engine/plan/trials.h"
#include "engine/spec/job_words.h"

#include <algorithm>
#include <set>

namespace lorikeet::plan {

Job withMethod(Job job, const std::string& method, const std::string& quantization)
{
    job.recipe.method = method;
    job.recipe.quantization = quantization;
    if (method == "full") {
        job.recipe.offloadLayers = 0;
        job.recipe.offloadEmbedding = false;
    }
    return job;
}

namespace {

constexpr std::int64_t kLeastContext = 128;
constexpr std::int64_t kMostMicroBatch = 32;
constexpr std::int64_t kMostRank = 256;
constexpr std::int64_t kMostRecomputePoints = 40;

std::string words(std::int64_t value) { return formatInteger(static_cast<std::uint64_t>(value)); }

WhatIfPoint pointOf(double x, std::string label, Job job)
{
    WhatIfPoint point;
    point.x = x;
    point.label = std::move(label);
    point.job = std::move(job);
    return point;
}

/// Powers of two from `least` to `most`, and `now`.
std::set<std::int64_t> doublings(std::int64_t least, std::int64_t most, std::int64_t now)
{
    std::set<std::int64_t> values{now};
    for (std::int64_t value = least; value <= most; value *= 2)
        values.insert(value);
    return values;
}

std::vector<WhatIfPoint> contexts(const ModelShape& shape, const Job& job)
{
    std::set<std::int64_t> values = doublings(kLeastContext, shape.maxContext, job.recipe.context);
    values.insert(shape.maxContext);
    std::vector<WhatIfPoint> points;
    for (const std::int64_t context : values) {
        Job other = job;
        other.recipe.context = context;
        points.push_back(pointOf(static_cast<double>(context), words(context), std::move(other)));
    }
    return points;
}

std::vector<WhatIfPoint> microBatches(const Job& job)
{
    const std::int64_t global = job.recipe.microBatch * job.recipe.accumulation;
    std::vector<WhatIfPoint> points;
    for (const std::int64_t size : doublings(1, kMostMicroBatch, job.recipe.microBatch)) {
        Job other = job;
        other.recipe.microBatch = size;
        other.recipe.accumulation = global % size == 0 ? global / size : 1;
        points.push_back(pointOf(static_cast<double>(size), words(size), std::move(other)));
    }
    return points;
}

std::vector<WhatIfPoint> ranks(const Job& job)
{
    std::vector<WhatIfPoint> points;
    if (job.recipe.method == "full")
        return points;
    for (const std::int64_t rank : doublings(1, kMostRank, job.recipe.rank))
        points.push_back(pointOf(static_cast<double>(rank), words(rank), withRank(job, rank)));
    return points;
}

/// Whole blocks in the first layers, the others as they are; at most so many points.
std::vector<WhatIfPoint> recomputes(const ModelShape& shape, const Job& job)
{
    const std::vector<Recompute> now = recomputeLevels(job, shape.layers);
    std::vector<WhatIfPoint> points;
    const std::int64_t stride = (shape.layers + kMostRecomputePoints - 1) / kMostRecomputePoints;
    for (std::int64_t layers = 0; layers <= shape.layers; layers = layers == shape.layers ? layers + 1 : std::min(layers + stride, shape.layers)) {
        std::vector<Recompute> levels = now;
        std::fill_n(levels.begin(), layers, Recompute::WholeBlock);
        Job other = job;
        other.recipe.recompute = recomputeText(levels);
        points.push_back(pointOf(static_cast<double>(layers), words(layers) + " of " + words(shape.layers), std::move(other)));
    }
    return points;
}

std::vector<WhatIfPoint> methods(const Job& job)
{
    struct Method {
        const char* label;
        const char* method;
        const char* quantization;
    };
    std::vector<WhatIfPoint> points;
    for (const Method& method : {Method{"QLoRA (NF4)", "lora", "nf4"}, {"LoRA on int8", "lora", "int8"}, {"LoRA", "lora", "none"}, {"full", "full", "none"}}) {
        points.push_back(pointOf(static_cast<double>(points.size()), method.label, withMethod(job, method.method, method.quantization)));
    }
    return points;
}

std::vector<WhatIfPoint> pointsOf(Axis axis, const ModelShape& shape, const Job& job)
{
    switch (axis) {
    case Axis::Context: return contexts(shape, job);
    case Axis::MicroBatch: return microBatches(job);
    case Axis::Rank: return ranks(job);
    case Axis::Recompute: return recomputes(shape, job);
    case Axis::Method: return methods(job);
    }
    return {};
}

bool isSame(const Job& a, const Job& b)
{
    return a.recipe.context == b.recipe.context && a.recipe.microBatch == b.recipe.microBatch && a.recipe.rank == b.recipe.rank
           && a.recipe.recompute == b.recipe.recompute && a.recipe.method == b.recipe.method && a.recipe.quantization == b.recipe.quantization;
}

std::string quoted(const std::string& text)
{
    std::string out = "\"";
    for (const char c : text)
        out += c == '"' ? std::string("\"\"") : std::string(1, c);
    return out + "\"";
}

}  // namespace

std::string_view nameOf(Axis axis) noexcept
{
    switch (axis) {
    case Axis::Context: return "context";
    case Axis::MicroBatch: return "micro_batch";
    case Axis::Rank: return "rank";
    case Axis::Recompute: return "recompute";
    case Axis::Method: return "method";
    }
    return "?";
}

std::optional<Axis> axisNamed(std::string_view name) noexcept
{
    for (const Axis axis : kAxes)
        if (name == nameOf(axis))
            return axis;
    return std::nullopt;
}

std::string_view unitOf(Axis axis) noexcept
{
    switch (axis) {
    case Axis::Context: return "tokens";
    case Axis::MicroBatch: return "contexts";
    case Axis::Recompute: return "layers recomputed";
    case Axis::Rank:
    case Axis::Method: return "";
    }
    return "";
}

WhatIfSeries whatIf(Axis axis, const ModelShape& shape, const Job& job, const DeviceSpec& device, const CostsOf& costs, const Workload& workload)
{
    static_cast<void>(trialOf(shape, job, device, costs));  // what cannot be planned is said
    WhatIfSeries series;
    series.axis = axis;
    series.device = device.id;
    series.capacityBytes = device.availableBytes;
    series.points = pointsOf(axis, shape, job);
    Trials trials(shape, device, costs, {});
    for (WhatIfPoint& point : series.points) {
        const Trial& trial = trials.of(point.job);
        point.possible = trial.possible;
        point.reason = trial.reason;
        point.categoryBytes = trial.categoryBytes;
        point.totalBytes = trial.totalBytes;
        point.hostBytes = trial.hostBytes;
        point.verdict = trial.verdict;
        point.isNow = isSame(point.job, job);
        if (trial.possible)
            point.forecast = forecastStep(shape, point.job, device, workload);
    }
    return series;
}

std::string toCsv(const WhatIfSeries& series)
{
    std::string text = std::string(nameOf(series.axis))
                       + ",label,weights_bytes,activations_bytes,gradients_bytes,optimizer_bytes,buffers_bytes,total_bytes,host_bytes,verdict,tokens_per_second\n";
    for (const WhatIfPoint& point : series.points) {
        text += numberText(point.x) + "," + quoted(point.label);
        for (const std::uint64_t bytes : point.categoryBytes)
            text += "," + std::to_string(bytes);
        text += "," + std::to_string(point.totalBytes) + "," + std::to_string(point.hostBytes) + ","
              + (point.possible ? std::string(nameOf(point.verdict)) : quoted(point.reason)) + ","
              + (point.forecast.known ? numberText(point.forecast.tokensPerSecond) : "") + "\n";
    }
    return text;
}

}  // namespace lorikeet::plan
