// SPDX-License-Identifier: GPL-3.0-or-later
// Optimizer steps of the engine on given rows of token ids, timed; prints one JSON object. The other half is peft_bench.py.
//
//   lorikeet_bench --model M [--rows rows.json] [--precision fp32|bf16] [--recompute 1] [--rank 16] [--threads 2] [--steps 6]
//                  [--warmup 2] [--context 512] [--micro-batch 2] [--loss-chunk 256] [--seconds 0]
//
// M is a folder, a .gguf file, `starter`, or a bare config.json or `blueprint:NAME`, which get random weights. Rows: a JSON list of
// lists of token ids, one document each, which fill every micro-batch; without it, context x micro-batch random ids.
#include "engine/api/models.h"
#include "engine/api/planning.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/philox.h"
#include "engine/base/system.h"
#include "engine/formats/model_source.h"
#include "engine/kernels/library_version.h"
#include "engine/kernels/op_table.h"
#include "engine/kernels/threads.h"
#include "engine/lora/adapter.h"
#include "engine/model/compute_device.h"
#include "engine/model/decoder.h"
#include "engine/model/weight_loader.h"
#include "engine/spec/job_fields.h"
#include "engine/train/trained_state.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>

using namespace lorikeet;
using nlohmann::ordered_json;

namespace {

constexpr std::uint64_t kLargestRowsFile = 256u << 20;

struct Options {
    Job job;
    std::string rowsFile;
    std::int64_t steps = 6;
    std::int64_t warmup = 2;
    double seconds = 0;  ///< > 0: goes on until this much time was measured
};

Options parse(int count, char** words)
{
    static const std::map<std::string, std::string> kJobKeys{
        {"--model", "model.path"},      {"--precision", "recipe.precision"}, {"--recompute", "recipe.recompute"},
        {"--rank", "recipe.rank"},      {"--threads", "run.threads"},        {"--context", "recipe.context"},
        {"--micro-batch", "recipe.micro_batch"}, {"--loss-chunk", "recipe.loss_chunk"}, {"--dropout", "recipe.dropout"}};
    Options options;
    options.job.recipe.precision = "fp32";
    options.job.run.threads = 2;
    for (int i = 1; i + 1 < count; i += 2) {
        const std::string word = words[i];
        const std::string value = words[i + 1];
        if (const auto it = kJobKeys.find(word); it != kJobKeys.end())
            setJobField(options.job, it->second, value);
        else if (word == "--rows")
            options.rowsFile = value;
        else if (word == "--steps")
            options.steps = std::atoll(value.c_str());
        else if (word == "--warmup")
            options.warmup = std::atoll(value.c_str());
        else if (word == "--seconds")
            options.seconds = std::atof(value.c_str());
        else
            throw Error(ErrorCode::Usage, "unknown option " + word, "the options stand at the top of tests/bench/lorikeet_bench.cpp");
    }
    if (options.job.model.path.empty() || count % 2 == 0)
        throw Error(ErrorCode::Usage, "wanted: --model M and a value behind every option");
    return options;
}

std::vector<std::vector<std::int32_t>> rowsOf(const Options& options, std::int64_t vocab)
{
    if (!options.rowsFile.empty())
        return ordered_json::parse(readTextFile(pathFromUtf8(options.rowsFile), kLargestRowsFile)).get<std::vector<std::vector<std::int32_t>>>();
    std::vector<std::vector<std::int32_t>> rows(static_cast<std::size_t>(options.job.recipe.microBatch));
    std::uint32_t number = 0;
    for (auto& row : rows) {
        row.resize(static_cast<std::size_t>(options.job.recipe.context));
        for (std::int32_t& token : row)
            token = static_cast<std::int32_t>(philox4x32({number++, 0, 0, 0}, {1, 2})[0] % static_cast<std::uint32_t>(vocab));
    }
    return rows;
}

/// All rows as one packed micro-batch; every token but a document's last predicts the next one.
data::MicroBatch batchOf(const std::vector<std::vector<std::int32_t>>& rows)
{
    data::MicroBatch batch;
    batch.documentStarts = {0};
    for (std::size_t d = 0; d < rows.size(); ++d) {
        for (std::size_t i = 0; i < rows[d].size(); ++i) {
            const bool last = i + 1 == rows[d].size();
            batch.tokens.push_back(rows[d][i]);
            batch.positions.push_back(static_cast<std::int32_t>(i));
            batch.targets.push_back(last ? -1 : rows[d][i + 1]);
            batch.supervised += last ? 0 : 1;
        }
        batch.documentStarts.push_back(static_cast<std::int32_t>(batch.tokens.size()));
        batch.sampleIds.push_back(static_cast<std::int64_t>(d));
    }
    return batch;
}

double secondsNow() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// A model in planned memory with a fresh adapter.
struct Loaded {
    explicit Loaded(const Job& job)
        : shape(api::modelShape(job.model.path)), device(api::findDevice("cpu")), compute(model::openDevice(device, static_cast<int>(job.run.threads))),
          context(compute->context()), plan(api::planJob(shape, job, device)), memory(plan, compute->makeArena(plan.arenaBytes), 0)
    {
        memory.enter(0);
        const bool isBlueprint = job.model.path.starts_with("blueprint:");
        const auto source = isBlueprint ? nullptr : formats::openModelSource(api::locateModel(job.model.path));
        hasWeights = source && source->hasWeights();
        if (hasWeights)
            model::loadWeights(*source, memory, context, {}, {});
        else
            model::fillRandomWeights(shape, memory, context, 1);
        decoder.emplace(shape, memory, context);
        adapter.emplace(memory, context);
        std::vector<float> flat(static_cast<std::size_t>(plan.layout.trained.adapterElements));
        lora::initialise(flat, plan.layout.trained.adapters, job.recipe.seed);
        adapter->set(flat);
        adapter->begin();
    }

    ModelShape shape;
    DeviceSpec device;
    std::unique_ptr<model::ComputeDevice> compute;
    kernels::Context context;
    plan::MemoryPlan plan;
    model::PlannedMemory memory;
    std::optional<model::Decoder> decoder;
    std::optional<train::TrainedState> adapter;
    bool hasWeights = false;
};

/// One optimizer step; returns the mean loss.
double step(Loaded& loaded, const Job& job, const data::MicroBatch& batch, std::int64_t number)
{
    const double scale = 1.0 / static_cast<double>(batch.supervised);
    loaded.adapter->clearGradient();
    const double sum = loaded.decoder->trainMicroBatch(batch, {scale, job.recipe.dropout, 42, static_cast<std::uint32_t>(number)}, {});
    const double norm = loaded.adapter->gradientNorm();
    loaded.adapter->update(job, job.recipe.learningRate, norm, number);
    return sum * scale;
}

ordered_json measure(Options options)
{
    const double begin = secondsNow();
    const auto rows = rowsOf(options, api::modelShape(options.job.model.path).vocab);
    const data::MicroBatch batch = batchOf(rows);
    Loaded loaded(options.job);
    const double loadSeconds = secondsNow() - begin;
    std::vector<double> losses;
    std::vector<double> seconds;
    double measured = 0;
    for (std::int64_t number = 1; number <= options.warmup + options.steps || measured < options.seconds; ++number) {
        const double start = secondsNow();
        losses.push_back(step(loaded, options.job, batch, number));
        if (number > options.warmup) {
            seconds.push_back(secondsNow() - start);
            measured += seconds.back();
        }
    }
    std::vector<double> sorted = seconds;
    std::sort(sorted.begin(), sorted.end());
    const auto tokens = static_cast<double>(batch.tokens.size());
    const Processor cpu = processor();
    return {{"program", "lorikeet"},
            {"model", options.job.model.path},
            {"weights", loaded.hasWeights ? "real" : "random"},
            {"precision", options.job.recipe.precision},
            {"recompute", options.job.recipe.recompute},
            {"rank", options.job.recipe.rank},
            {"threads", kernels::cpuThreads()},
            {"tokens_per_step", batch.tokens.size()},
            {"supervised_per_step", batch.supervised},
            {"losses", losses},
            {"step_seconds", seconds},
            {"best_tok_s", tokens / sorted.front()},
            {"median_tok_s", tokens / sorted[sorted.size() / 2]},
            {"load_seconds", loadSeconds},
            {"plan_bytes", loaded.plan.totalBytes()},
            {"arena_bytes", loaded.plan.arenaBytes},
            {"peak_rss_bytes", processMemory().peakResidentBytes},
            {"processor", cpu.name},
            {"kernels", loaded.context.ops->name},
            {"native_bf16", kernels::cpuMultipliesBf16()},
            {"oneDNN", kernels::oneDnnVersion()}};
}

}  // namespace

int main(int count, char** words)
{
    try {
        std::printf("%s\n", measure(parse(count, words)).dump().c_str());
        return 0;
    } catch (const Error& error) {
        std::fprintf(stderr, "lorikeet_bench: %s\n%s\n", error.message().c_str(), error.hint().c_str());
        return error.code() == ErrorCode::Usage ? 2 : 1;
    }
}
