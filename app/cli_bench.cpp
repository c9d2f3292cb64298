// SPDX-License-Identifier: GPL-3.0-or-later
// `bench`: where the time of an optimizer step goes on this machine, by op, shape and layer.
#include "app/cli_bench.h"
#include "app/cli_job_options.h"
#include "engine/api/step_bench.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/units.h"
#include "engine/spec/job_fields.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <memory>

namespace lorikeet::app {

namespace {

struct BenchOptions {
    std::string model = "starter";
    JobOptions job;
    api::StepBenchOptions steps;
    std::string trace;
    bool json = false;
};

Job jobOf(const BenchOptions& options)
{
    Job job;
    job.model.path = options.model;
    options.job.assignTo(job);
    return job;
}

std::string milliseconds(double seconds) { return paddedLeft(formatNumber(1e3 * seconds, 4), 9); }
std::string percent(double share) { return paddedLeft(formatNumber(100 * share, 3), 6) + " %"; }

std::string shapeText(const api::OpTotal& op)
{
    std::string text = std::to_string(op.shape[0]) + " x " + std::to_string(op.shape[1]);
    return op.shape[2] > 0 ? text + " x " + std::to_string(op.shape[2]) : text;
}

/// "train, forward of layer 3" without the layer: all layers are one row.
std::string kindOf(const std::string& where)
{
    const std::size_t layer = where.find(" of layer ");
    return layer == std::string::npos ? where : where.substr(0, layer) + " of the layers";
}

void printHeading(Output& out, const api::StepBench& bench)
{
    out.line(formatNumber(bench.tokens / bench.medianSeconds(), 4) + " tokens/s, a step of " + formatNumber(bench.tokens, 6) + " tokens takes "
             + formatNumber(1e3 * bench.medianSeconds(), 4) + " ms (median of " + std::to_string(bench.stepSeconds.size()) + ")");
    out.line("this machine in this run: fp32 " + formatNumber(1e3 * bench.rates.fp32Tflops, 3) + " GFLOP/s, bf16 "
             + formatNumber(1e3 * bench.rates.bf16Tflops, 3) + " GFLOP/s, copies " + formatNumber(bench.rates.memoryGBps, 3) + " GB/s");
    out.line("MFU" + percent(bench.mfu()) + "   share of the roofline" + percent(bench.rooflineShare()) + "   outside products and attention"
             + percent(bench.shareOutsideProducts()));
}

void printStep(Output& out, const api::StepBench& bench)
{
    printHeading(out, bench);
    std::map<std::string, std::pair<double, double>> byOp;
    for (const api::OpTotal& op : bench.ops) {
        byOp[op.op].first += op.secondsPerStep;
        byOp[op.op].second += op.callsPerStep;
    }
    std::vector<std::pair<std::string, std::pair<double, double>>> rows(byOp.begin(), byOp.end());
    std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.second.first > b.second.first; });
    const double step = bench.meanSeconds();
    double counted = 0;
    out.line("");
    out.line(padded("op", 20) + paddedLeft("calls", 8) + paddedLeft("ms", 9) + paddedLeft("of step", 9));
    for (const auto& [op, sums] : rows) {
        out.line(padded(op, 20) + paddedLeft(formatNumber(sums.second, 5), 8) + milliseconds(sums.first) + " " + percent(sums.first / step));
        counted += sums.first;
    }
    out.line(padded("between ops", 28) + milliseconds(std::max(0.0, step - counted)) + " " + percent(std::max(0.0, step - counted) / step));
    std::vector<std::pair<std::string, double>> parts;
    for (const api::PartTotal& part : bench.parts) {
        const std::string kind = kindOf(part.where);
        if (parts.empty() || parts.back().first != kind)
            parts.emplace_back(kind, 0.0);
        parts.back().second += part.secondsPerStep;
    }
    out.line("");
    out.line(padded("part of the step", 37) + "ms   of step");
    for (const auto& [where, seconds] : parts)
        out.line(padded(where, 30) + milliseconds(seconds) + " " + percent(seconds / step));
}

void printOps(Output& out, const api::StepBench& bench)
{
    printHeading(out, bench);
    out.line("");
    out.line(padded("op", 20) + padded("shape", 22) + padded("type", 6) + paddedLeft("calls", 6) + paddedLeft("ms a step", 10) + paddedLeft("best us", 9)
             + paddedLeft("GFLOP/s", 9) + paddedLeft("GB/s", 8) + paddedLeft("of best", 9));
    for (const api::OpTotal& op : bench.ops)
        out.line(padded(op.op, 20) + padded(shapeText(op), 22) + padded(op.dtype, 6) + paddedLeft(formatNumber(op.callsPerStep, 5), 6) + " "
                 + milliseconds(op.secondsPerStep) + paddedLeft(formatNumber(1e6 * op.shortestCall, 4), 9)
                 + paddedLeft(op.flops > 0 ? formatNumber(op.gflops(), 3) : "", 9) + paddedLeft(formatNumber(op.gbps(), 3), 8) + " "
                 + percent(op.atBest / op.shortestCall));
}

int runBench(const BenchOptions& options, bool byShape, Session& session)
{
    const api::StepBench bench = api::benchStep(jobOf(options), options.steps, session.stop);
    if (!options.trace.empty())
        writeFileAtomically(pathFromUtf8(options.trace), api::traceOf(bench).dump());
    if (options.json) {
        nlohmann::ordered_json json{{"v", kJsonVersion}, {"model", options.model}};
        json.update(api::toJson(bench));
        session.out.json(json);
    } else if (byShape) {
        printOps(session.out, bench);
    } else {
        printStep(session.out, bench);
    }
    return 0;
}

void addBench(CLI::App& parent, Action& chosen, const char* name, const char* what, bool byShape)
{
    const auto options = std::make_shared<BenchOptions>();
    CLI::App* verb = parent.add_subcommand(name, what);
    verb->add_option("model", options->model, "starter, blueprint:NAME (random weights), a file or a folder");
    options->job.addSetTo(*verb);
    verb->add_option("--steps", options->steps.steps, "measured steps");
    verb->add_option("--warmup", options->steps.warmup, "steps before them");
    verb->add_option("--trace", options->trace, "write the last step as a trace for Chrome or Perfetto");
    verb->add_flag("--json", options->json, "one JSON object");
    verb->callback([options, byShape, &chosen] { chosen = [options, byShape](Session& session) { return runBench(*options, byShape, session); }; });
}

}  // namespace

void addBenchVerb(CLI::App& app, Action& chosen)
{
    CLI::App* verb = app.add_subcommand("bench", "where time goes on this machine's CPU");
    verb->require_subcommand(1);
    addBench(*verb, chosen, "step", "by op and by part of the step", false);
    addBench(*verb, chosen, "ops", "by op and shape, beside the machine's own best", true);
    addTextBench(*verb, chosen);
    addPlanBench(*verb, chosen);
}

}  // namespace lorikeet::app
