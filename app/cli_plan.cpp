// SPDX-License-Identifier: GPL-3.0-or-later
// `plan`: the memory budget of a job on a device before anything runs, and the questions around it.
#include "app/cli_plan.h"
#include "app/cli_verbs.h"
#include "engine/api/datasets.h"
#include "engine/api/models.h"
#include "engine/api/planning.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/spec/job_fields.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>

namespace lorikeet::app {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr std::uint64_t kMostJobBytes = 16u << 20;

/// Speed depends on the data: read once where asked for, else the most a step can cost.
void readWorkload(PlannedJob& planned, const std::stop_token& stop)
{
    const api::DataSummary data = api::summariseData(planned.job, 0, stop, progressOnError());
    clearErrorStatus();
    planned.workload = api::workloadOf(planned.job, data);
    planned.runTokens = static_cast<double>(data.tokens) * planned.job.recipe.epochs;
    if (planned.job.recipe.maxSteps > 0) {
        const double perStep = static_cast<double>(planned.job.slots() * planned.job.recipe.accumulation) * planned.workload.fill;
        planned.runTokens = std::min(planned.runTokens, perStep * static_cast<double>(planned.job.recipe.maxSteps));
    }
}

PlannedJob loadPlanned(const PlanOptions& options, const std::stop_token& stop)
{
    PlannedJob planned;
    planned.job = options.job.load();
    requireSound(planned.job, "recipe.");
    planned.shape = api::modelShape(planned.job);
    planned.device = api::measureRates(api::findDevice(options.device.empty() ? planned.job.run.device : options.device));
    if (options.withData)
        readWorkload(planned, stop);
    return planned;
}

/// A path that the job file had relative, as a file in `folder` has to say it.
std::string pathFor(const std::string& written, const std::string& absolute, const fs::path& folder)
{
    if (written.empty() || pathFromUtf8(written).is_absolute() || absolute == written)
        return absolute;
    const fs::path relative = fs::absolute(pathFromUtf8(absolute)).lexically_normal().lexically_relative(folder);
    std::string text = relative.empty() ? absolute : utf8(relative);
    std::replace(text.begin(), text.end(), '\\', '/');
    return text;
}

void writeChanged(const PlanOptions& options, const plan::FitAnswer& answer, Output& out)
{
    if (answer.ways.empty() && answer.verdict != plan::Verdict::DoesNotFit)
        throw Error(ErrorCode::Usage, "there is nothing to apply: " + answer.reason, "train the job as it is, or leave --apply out");
    if (answer.ways.empty())
        throw Error(ErrorCode::DoesNotFit, "there is nothing to apply: " + answer.reason,
                    "choose a smaller model or a larger device; plan --smallest-card names one");
    if (options.way < 1 || static_cast<std::size_t>(options.way) > answer.ways.size())
        throw Error(ErrorCode::Usage, "--way " + std::to_string(options.way) + ": there are " + std::to_string(answer.ways.size()) + " ways",
                    "choose one of the numbers that --fit prints");
    const fs::path target = pathFromUtf8(options.target);
    if (fs::exists(target) && !options.force)
        throw Error(ErrorCode::Target, options.target + " already exists", "choose another name, or --force to replace it");
    const Job written = parseJob(readTextFile(pathFromUtf8(options.job.file), kMostJobBytes), options.job.file);
    const fs::path folder = fs::absolute(target).lexically_normal().parent_path();
    const plan::FitWay& way = answer.ways[static_cast<std::size_t>(options.way) - 1];
    Job job = way.job;
    job.model.path = pathFor(written.model.path, job.model.path, folder);
    job.data.path = pathFor(written.data.path, job.data.path, folder);
    job.data.validationPath = pathFor(written.data.validationPath, job.data.validationPath, folder);
    job.recipe.initAdapter = pathFor(written.recipe.initAdapter, job.recipe.initAdapter, folder);
    writeFileAtomically(target, writeJob(job));
    if (!options.json)
        out.line("wrote " + options.target + ": " + way.summary);
}

ordered_json versioned(const ordered_json& answer, const PlannedJob& planned)
{
    ordered_json json{{"v", kJsonVersion}};
    json.update(answer);
    json["runnable"] = runnableFamily(planned.shape);
    return json;
}

/// Ways to fit, or what the room could buy where it fits.
int runFit(const PlanOptions& options, const PlannedJob& p, Output& out)
{
    plan::FitOptions levers;
    levers.workload = p.workload;
    plan::FitAnswer answer = api::makeItFit(p.shape, p.job, p.device, levers);
    if (answer.verdict != plan::Verdict::DoesNotFit && !options.apply)
        answer = api::roomFor(p.shape, p.job, p.device, levers);
    if (options.json) {
        out.json(versioned(api::toJson(answer), p));
    } else {
        printFit(out, answer);
        printPlanOnly(out, p.shape, &p.device);
    }
    if (options.apply)
        writeChanged(options, answer, out);
    return 0;
}

int runWhatIf(const PlanOptions& options, const PlannedJob& p, Output& out)
{
    const auto axis = plan::axisNamed(options.whatIf);
    if (!axis)
        throw Error(ErrorCode::Usage, "--what-if " + options.whatIf + ": there is no such series", "use context, micro_batch, rank, recompute or method");
    const plan::WhatIfSeries series = api::whatIf(*axis, p.shape, p.job, p.device, p.workload);
    if (options.csv) {
        out.text(plan::toCsv(series));
    } else if (options.json) {
        out.json(versioned(api::toJson(series), p));
    } else {
        printWhatIf(out, series);
        printPlanOnly(out, p.shape, &p.device);
    }
    return 0;
}

int runBudget(const PlanOptions& options, const PlannedJob& p, Output& out)
{
    const plan::MemoryPlan plan = api::planJob(p.shape, p.job, p.device);
    const plan::StepForecast forecast = api::forecast(p.shape, p.job, p.device, p.workload);
    if (options.json) {
        ordered_json json = api::toJson(plan, options.buffers);
        json["runnable"] = runnableFamily(p.shape);
        json["forecast"] = api::toJson(forecast);
        if (p.runTokens > 0)
            json["forecast"]["run_seconds"] = forecast.secondsFor(p.runTokens);
        out.json(json);
        return 0;
    }
    printPlan(out, p, plan, options.explain);
    printForecast(out, p, forecast);
    if (options.buffers)
        printBuffers(out, plan);
    return 0;
}

int runPlan(const PlanOptions& options, Session& session)
{
    if (options.apply && (!options.fit || options.target.empty()))
        throw Error(ErrorCode::Usage, "--apply writes the job that --fit found, so it needs --fit and -o", "plan JOB --fit --apply -o NEW.lorikeet.json");
    if (options.csv && options.whatIf.empty())
        throw Error(ErrorCode::Usage, "--csv prints a series, so it needs --what-if", "plan JOB --what-if context --csv");
    const PlannedJob planned = loadPlanned(options, session.stop);
    plan::FitOptions levers;
    levers.workload = planned.workload;
    if (options.fit)
        return runFit(options, planned, session.out);
    if (!options.whatIf.empty())
        return runWhatIf(options, planned, session.out);
    if (options.smallestCard) {
        const plan::SmallestCard answer = api::smallestCard(planned.shape, planned.job, levers);
        if (options.json) {
            session.out.json(versioned(api::toJson(answer), planned));
        } else {
            printSmallestCard(session.out, answer);
            printPlanOnly(session.out, planned.shape, nullptr);
        }
        return 0;
    }
    if (options.longestContext) {
        const plan::LongestContext answer = api::longestContext(planned.shape, planned.job, planned.device, levers);
        if (options.json) {
            session.out.json(versioned(api::toJson(answer), planned));
        } else {
            printLongestContext(session.out, planned, answer);
            printPlanOnly(session.out, planned.shape, &planned.device);
        }
        return 0;
    }
    return runBudget(options, planned, session.out);
}

}  // namespace

void addPlanVerb(CLI::App& app, Action& chosen)
{
    const auto options = std::make_shared<PlanOptions>();
    CLI::App* verb = app.add_subcommand("plan", "where every byte of a job's memory will go, how to make it fit, how fast it will be");
    options->job.addTo(*verb);
    verb->add_option("--device", options->device, "cpu, cuda:0, or a card of the catalogue such as \"RTX 4090\"; default: run.device of the job");
    verb->add_flag("--json", options->json, "one JSON object");
    verb->add_flag("--explain", options->explain, "a sentence for every line");
    verb->add_flag("--buffers", options->buffers, "every buffer with its lifetime and place");
    verb->add_flag("--with-data", options->withData, "read the data set: the forecast counts its documents, and knows the whole run");
    CLI::Option* fit = verb->add_flag("--fit", options->fit, "ways to make the job fit, best first; where it fits, what the room could buy");
    verb->add_flag("--apply", options->apply, "write the job with the first way (or --way) to -o");
    verb->add_option("--way", options->way, "number of the way that --apply takes");
    verb->add_option("-o,--output", options->target, "job file that --apply writes");
    verb->add_flag("--force", options->force, "replace that file");
    CLI::Option* whatIf = verb->add_option("--what-if", options->whatIf, "a series: context, micro_batch, rank, recompute or method");
    verb->add_flag("--csv", options->csv, "the series as CSV");
    CLI::Option* card = verb->add_flag("--smallest-card", options->smallestCard, "the smallest card of the catalogue that trains the job");
    CLI::Option* context = verb->add_flag("--longest-context", options->longestContext, "the longest context that fits the device");
    fit->excludes(whatIf)->excludes(card)->excludes(context);
    whatIf->excludes(card)->excludes(context);
    card->excludes(context);
    verb->callback([options, &chosen] { chosen = [options](Session& session) { return runPlan(*options, session); }; });
}

}  // namespace lorikeet::app
