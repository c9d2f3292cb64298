// SPDX-License-Identifier: GPL-3.0-or-later
// `plan`: the memory budget of a job on a device, before anything runs.
#include "app/cli_job_options.h"
#include "app/cli_verbs.h"
#include "engine/api/models.h"
#include "engine/api/planning.h"
#include "engine/base/units.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <array>
#include <memory>

namespace lorikeet::app {

namespace {

constexpr int kBarCells = 23;
constexpr std::size_t kNameColumns = 36;
constexpr std::size_t kBytesColumns = 10;

struct PlanOptions {
    JobOptions job;
    std::string device;
    bool json = false;
    bool buffers = false;
};

/// The five colours of the budget (product.md) in the 256-colour palette: blue, orange, vermilion, bluish green, purple.
constexpr std::array<const char*, 5> kColours{"\x1b[38;5;25m", "\x1b[38;5;214m", "\x1b[38;5;166m", "\x1b[38;5;36m", "\x1b[38;5;175m"};

std::string percent(std::uint64_t part, std::uint64_t whole)
{
    return formatNumber(whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole), 2) + " %";
}

void printCategory(Output& out, const plan::MemoryPlan& plan, std::size_t index)
{
    const plan::Category category = plan::kCategories[index];
    const std::uint64_t bytes = plan.categoryBytes[index];
    const double share = static_cast<double>(bytes) / static_cast<double>(std::max<std::uint64_t>(1, plan.totalBytes()));
    const std::string cells = bar(share, kBarCells);
    out.line(padded(std::string(plan::nameOf(category)), kNameColumns - kBarCells - 1)
             + (out.hasColours() ? kColours[index] + cells + "\x1b[0m" : cells) + " " + paddedLeft(formatBytes(bytes), kBytesColumns) + "  "
             + percent(bytes, plan.totalBytes()));
    for (const plan::Term& term : plan.terms)
        if (term.category == category)
            out.line(padded("  " + term.name, kNameColumns) + paddedLeft(formatBytes(term.bytes), kBytesColumns) + "  "
                     + term.formula + (term.estimate ? " (estimate)" : ""));
}

std::string verdictLine(const plan::MemoryPlan& plan)
{
    const std::uint64_t total = plan.totalBytes();
    const std::uint64_t capacity = plan.capacityBytes;
    const std::string difference = total > capacity ? formatBytes(total - capacity) + " too much" : formatBytes(capacity - total) + " stay free";
    return std::string(plan::nameOf(plan.verdict)) + ": " + formatBytes(total) + " of " + formatBytes(capacity) + ", " + difference;
}

void printBuffers(Output& out, const plan::MemoryPlan& plan)
{
    out.line("");
    out.line(paddedLeft("offset", 14) + "  " + paddedLeft("bytes", kBytesColumns) + "  live");
    for (const plan::Buffer& buffer : plan.buffers) {
        std::string shape;
        for (const std::int64_t size : buffer.shape)
            shape += (shape.empty() ? "" : " x ") + std::to_string(size);
        const auto point = [&plan](plan::PointIndex index) { return plan::describe(plan.program.points[static_cast<std::size_t>(index)]); };
        out.line(paddedLeft(formatInteger(buffer.offset), 14) + "  " + paddedLeft(formatBytes(buffer.bytes), kBytesColumns) + "  "
                 + padded(point(buffer.first) + " .. " + point(buffer.last), 44) + "  " + padded(std::string(plan::nameOf(buffer.category)), 12)
                 + buffer.name + "  " + shape + " " + std::string(nameOf(buffer.dtype)));
    }
}

void printPlan(Output& out, const ModelShape& shape, const DeviceSpec& device, const plan::MemoryPlan& plan)
{
    out.line(shape.name + ", " + formatCount(shape.parameterCount()) + " parameters, on " + device.name + " (" + device.id + "), "
             + formatBytes(device.availableBytes) + " available");
    out.line("");
    for (std::size_t i = 0; i < plan::kCategories.size(); ++i)
        printCategory(out, plan, i);
    out.line("");
    out.line(padded("total at the peak", kNameColumns) + paddedLeft(formatBytes(plan.totalBytes()), kBytesColumns) + "  "
             + plan::describe(plan.program.points[static_cast<std::size_t>(plan.peakPoint)]));
    if (plan.hostBytes > 0)
        out.line(padded("in host memory", kNameColumns) + paddedLeft(formatBytes(plan.hostBytes), kBytesColumns));
    out.line(verdictLine(plan));
}

int runPlan(const PlanOptions& options, Session& session)
{
    const Job job = options.job.load();
    const ModelShape shape = api::modelShape(job.model.path);
    const DeviceSpec device = api::findDevice(options.device.empty() ? job.run.device : options.device);
    const plan::MemoryPlan plan = api::planJob(shape, job, device);
    if (options.json) {
        session.out.json(api::toJson(plan, options.buffers));
        return 0;
    }
    printPlan(session.out, shape, device, plan);
    if (options.buffers)
        printBuffers(session.out, plan);
    return 0;
}

}  // namespace

void addPlanVerb(CLI::App& app, Action& chosen)
{
    const auto options = std::make_shared<PlanOptions>();
    CLI::App* verb = app.add_subcommand("plan", "where every byte of a job's memory will go");
    options->job.addTo(*verb);
    verb->add_option("--device", options->device, "cpu, cuda:0, or a card of the catalogue such as \"RTX 4090\"; default: run.device of the job");
    verb->add_flag("--json", options->json, "one JSON object");
    verb->add_flag("--buffers", options->buffers, "every buffer with its lifetime and place");
    verb->callback([options, &chosen] { chosen = [options](Session& session) { return runPlan(*options, session); }; });
}

}  // namespace lorikeet::app
