// SPDX-License-Identifier: GPL-3.0-or-later
// `bench plan`: how long the planner's answers take, for models of all sizes.
#include "app/cli_bench.h"
#include "engine/api/fitting.h"
#include "engine/api/models.h"
#include "engine/api/planning.h"
#include "engine/base/units.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>

namespace lorikeet::app {

namespace {

struct PlanBenchOptions {
    std::vector<std::string> models{"blueprint:SmolLM2-135M", "blueprint:Llama-3.1-8B", "blueprint:Llama-3.1-70B", "blueprint:Llama-3.1-405B"};
    std::string device = "RTX 4090";
    int rounds = 20;
    bool json = false;
};

/// Milliseconds of the answers about one model.
struct PlanTimes {
    std::string model;
    std::int64_t layers = 0;
    std::size_t buffers = 0;
    double plan = 0;  ///< median of the rounds
    double fit = 0;   ///< ways to make it fit, or what the room could buy
    double whatIf = 0;
};

double medianMilliseconds(int rounds, const std::function<void()>& work)
{
    std::vector<double> times;
    for (int i = 0; i < rounds; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        work();
        times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    }
    std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2));
    return times[times.size() / 2];
}

PlanTimes timesOf(const std::string& model, const PlanBenchOptions& options)
{
    Job job;
    job.model.path = model;
    job.recipe.quantization = "nf4";
    const ModelShape shape = api::modelShape(job);
    const DeviceSpec device = api::findDevice(options.device);
    PlanTimes times{model, shape.layers};
    times.plan = medianMilliseconds(options.rounds, [&] { times.buffers = api::planJob(shape, job, device).buffers.size(); });
    times.fit = medianMilliseconds(std::max(1, options.rounds / 4), [&] {
        (void)(api::planJob(shape, job, device).verdict == plan::Verdict::DoesNotFit ? api::makeItFit(shape, job, device) : api::roomFor(shape, job, device));
    });
    times.whatIf = medianMilliseconds(std::max(1, options.rounds / 4), [&] { (void)api::whatIf(plan::Axis::Context, shape, job, device); });
    return times;
}

int runPlanBench(const PlanBenchOptions& options, Session& session)
{
    if (!options.json)
        session.out.line(padded("NF4 on " + options.device, 28) + paddedLeft("layers", 8) + paddedLeft("buffers", 9) + paddedLeft("plan, ms", 11)
                         + paddedLeft("fit, ms", 11) + paddedLeft("what if, ms", 13));
    for (const std::string& model : options.models) {
        throwIfStopped(session.stop);
        const PlanTimes times = timesOf(model, options);
        if (options.json)
            session.out.json({{"v", kJsonVersion}, {"model", model}, {"device", options.device}, {"layers", times.layers}, {"buffers", times.buffers},
                              {"plan_ms", times.plan}, {"fit_ms", times.fit}, {"what_if_ms", times.whatIf}});
        else
            session.out.line(padded(model.substr(model.find(':') + 1), 28) + paddedLeft(std::to_string(times.layers), 8) + paddedLeft(std::to_string(times.buffers), 9)
                             + paddedLeft(formatNumber(times.plan, 3), 11) + paddedLeft(formatNumber(times.fit, 3), 11) + paddedLeft(formatNumber(times.whatIf, 3), 13));
    }
    return 0;
}

}  // namespace

void addPlanBench(CLI::App& parent, Action& chosen)
{
    const auto options = std::make_shared<PlanBenchOptions>();
    CLI::App* verb = parent.add_subcommand("plan", "how long a plan, its ways to fit and a what-if series take");
    verb->add_option("models", options->models, "blueprint:NAME, config.json, files or folders");
    verb->add_option("--device", options->device, "a card of the catalogue, or one of this machine's devices");
    verb->add_option("--rounds", options->rounds, "the median of so many counts")->check(CLI::Range(1, 1000));
    verb->add_flag("--json", options->json, "one JSON object per model");
    verb->callback([options, &chosen] { chosen = [options](Session& session) { return runPlanBench(*options, session); }; });
}

}  // namespace lorikeet::app
