// SPDX-License-Identifier: GPL-3.0-or-later
// Optimizer steps of the engine on given rows of token ids, timed; prints one JSON object. The other half is peft_bench.py.
//
//   lorikeet_bench --model M [--rows rows.json] [--precision fp32|bf16] [--recompute 1] [--rank 16] [--threads 2] [--steps 6]
//                  [--warmup 2] [--context 512] [--micro-batch 2] [--loss-chunk 256] [--seconds 0]
//
// M is a folder, a .gguf file, `starter`, or a bare config.json or `blueprint:NAME`, which get random weights. Rows: a JSON list of
// lists of token ids, one document each, which fill every micro-batch; or {"batch": n, "rows": [...], "prompts": [...]}: n documents a step,
// in turns, the first prompts[i] tokens of row i not counted. Without it, context x micro-batch random ids.
#include "engine/api/bench_model.h"
#include "engine/api/models.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/openmp_wait.h"
#include "engine/base/system.h"
#include "engine/kernels/library_version.h"
#include "engine/kernels/op_table.h"
#include "engine/kernels/threads.h"
#include "engine/spec/job_fields.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>

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
        throw Error(ErrorCode::Usage, "wanted: --model M and a value behind every option",
                    "the options stand at the top of tests/bench/lorikeet_bench.cpp");
    return options;
}

/// One micro-batch for every step, in turns.
std::vector<data::MicroBatch> batchesOf(const Options& options, std::int64_t vocab)
{
    if (options.rowsFile.empty())
        return {api::packedBatch(api::randomRows(options.job, vocab))};
    const auto json = ordered_json::parse(readTextFile(pathFromUtf8(options.rowsFile), kLargestRowsFile));
    if (json.is_array())
        return {api::packedBatch(json.get<api::TokenRows>())};
    const auto rows = json.at("rows").get<api::TokenRows>();
    const auto prompts = json.at("prompts").get<std::vector<std::int64_t>>();
    const auto size = json.at("batch").get<std::size_t>();
    std::vector<data::MicroBatch> batches;
    for (std::size_t first = 0; first + size <= std::min(rows.size(), prompts.size()); first += size) {
        const auto begin = static_cast<std::ptrdiff_t>(first);
        const auto end = static_cast<std::ptrdiff_t>(first + size);
        batches.push_back(api::packedBatch({rows.begin() + begin, rows.begin() + end}, {prompts.begin() + begin, prompts.begin() + end}));
    }
    return batches;
}

double secondsNow() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

ordered_json measure(Options options)
{
    const double begin = secondsNow();
    const std::vector<data::MicroBatch> batches = batchesOf(options, api::modelShape(options.job.model.path).vocab);
    api::BenchModel loaded(options.job);
    const double loadSeconds = secondsNow() - begin;
    std::vector<double> losses;
    std::vector<double> seconds;
    double measured = 0;
    double measuredTokens = 0;
    for (std::int64_t number = 1; number <= options.warmup + options.steps || measured < options.seconds; ++number) {
        const data::MicroBatch& batch = batches[static_cast<std::size_t>(number - 1) % batches.size()];
        const double start = secondsNow();
        losses.push_back(loaded.step(batch, number));
        if (number > options.warmup) {
            seconds.push_back(secondsNow() - start);
            measured += seconds.back();
            measuredTokens += static_cast<double>(batch.tokens.size());
        }
    }
    std::vector<double> sorted = seconds;
    std::sort(sorted.begin(), sorted.end());
    const auto tokens = static_cast<double>(batches.front().tokens.size());
    const Processor cpu = processor();
    return {{"program", "lorikeet"},
            {"model", options.job.model.path},
            {"weights", loaded.hasWeights() ? "real" : "random"},
            {"precision", options.job.recipe.precision},
            {"recompute", options.job.recipe.recompute},
            {"rank", options.job.recipe.rank},
            {"threads", kernels::cpuThreads()},
            {"tokens_per_step", tokens},
            {"supervised_per_step", batches.front().supervised},
            {"losses", losses},
            {"step_seconds", seconds},
            {"best_tok_s", tokens / sorted.front()},
            {"mean_tok_s", measuredTokens / measured},
            {"median_tok_s", tokens / sorted[sorted.size() / 2]},
            {"load_seconds", loadSeconds},
            {"plan_bytes", loaded.plan().totalBytes()},
            {"arena_bytes", loaded.plan().arenaBytes},
            {"peak_rss_bytes", processMemory().peakResidentBytes},
            {"processor", cpu.name},
            {"kernels", loaded.context().ops->name},
            {"native_bf16", kernels::cpuMultipliesBf16()},
            {"oneDNN", kernels::oneDnnVersion()}};
}

}  // namespace

int main(int count, char** words)
{
    keepOpenMpWaitShort();  // as the programs do
    try {
        std::printf("%s\n", measure(parse(count, words)).dump().c_str());
        return 0;
    } catch (const Error& error) {
        std::fprintf(stderr, "lorikeet_bench: %s\n%s\n", error.message().c_str(), error.hint().c_str());
        return error.code() == ErrorCode::Usage ? 2 : 1;
    }
}
