// SPDX-License-Identifier: GPL-3.0-or-later
// The memory budget as text: categories with bars, terms, sentences, buffers, forecast.
#include "app/cli_plan.h"
#include "engine/base/units.h"

#include <algorithm>
#include <array>

namespace lorikeet::app {

namespace {

constexpr int kBarCells = 23;
constexpr std::size_t kNameColumns = 36;
constexpr std::size_t kBytesColumns = 10;

/// The five colours of the budget (product.md) in the 256-colour palette: blue, orange, vermilion, bluish green, purple.
constexpr std::array<const char*, 5> kColours{"\x1b[38;5;25m", "\x1b[38;5;214m", "\x1b[38;5;166m", "\x1b[38;5;36m", "\x1b[38;5;175m"};

std::string percent(std::uint64_t part, std::uint64_t whole)
{
    return formatNumber(whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole), 2) + " %";
}

void printTerm(Output& out, const plan::Term& term, bool explain)
{
    std::string spread = term.estimate ? " (estimate)" : "";
    if (term.estimate && term.lowBytes != term.highBytes)
        spread = " (estimate, " + formatBytes(term.lowBytes) + " to " + formatBytes(term.highBytes) + ")";
    out.line(padded("  " + term.name, kNameColumns) + paddedLeft(formatBytes(term.bytes), kBytesColumns) + "  " + term.formula + spread);
    if (explain)
        out.line("      " + term.sentence);
}

void printCategory(Output& out, const plan::MemoryPlan& plan, std::size_t index, bool explain)
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
            printTerm(out, term, explain);
}

std::string verdictLine(const plan::MemoryPlan& plan)
{
    const std::uint64_t total = plan.totalBytes();
    return std::string(plan::nameOf(plan.verdict)) + ": " + formatBytes(total) + " of " + formatBytes(plan.capacityBytes) + ", " + plan.roomText();
}

}  // namespace

void printPlan(Output& out, const PlannedJob& planned, const plan::MemoryPlan& plan, bool explain)
{
    const DeviceSpec& device = planned.device;
    out.line(planned.shape.name + ", " + formatCount(planned.shape.parameterCount()) + " parameters, on " + device.name + " (" + device.id + "), "
             + formatBytes(device.availableBytes) + " available");
    out.line("");
    for (std::size_t i = 0; i < plan::kCategories.size(); ++i)
        printCategory(out, plan, i, explain);
    out.line("");
    out.line(padded("total at the peak", kNameColumns) + paddedLeft(formatBytes(plan.totalBytes()), kBytesColumns) + "  "
             + plan::describe(plan.program.points[static_cast<std::size_t>(plan.peakPoint)]));
    if (plan.hostBytes > 0)
        out.line(padded("in host memory", kNameColumns) + paddedLeft(formatBytes(plan.hostBytes), kBytesColumns));
    for (const plan::Term& term : plan.hostTerms)
        printTerm(out, term, explain);
    if (!plan.deductions.empty())
        out.line("not for this run");
    for (const plan::Term& term : plan.deductions)
        printTerm(out, term, explain);
    out.line(verdictLine(plan));
    printPlanOnly(out, planned.shape, &device);
}

void printPlanOnly(Output& out, const ModelShape& shape, const DeviceSpec* device)
{
    if (!runnableFamily(shape))
        out.line("plan only: Lorikeet cannot run " + shape.family + " models yet, on any device");
    else if (device != nullptr && plan::isPlanOnly(*device))
        out.line("plan only: Lorikeet does not train on " + device->name);
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

void printForecast(Output& out, const PlannedJob& planned, const plan::StepForecast& forecast)
{
    if (!forecast.known) {
        out.line("speed: not known, " + forecast.basis);
        return;
    }
    const auto rate = [](double value) { return formatNumber(value, 3); };
    out.line("speed: about " + rate(forecast.tokensPerSecond) + " tokens/s (" + rate(forecast.tokensPerSecondLow) + " to "
             + rate(forecast.tokensPerSecondHigh) + "), " + formatDuration(forecast.secondsPerStep) + " a step of "
             + formatInteger(static_cast<std::uint64_t>(forecast.tokensPerStep)) + " tokens");
    out.line("  MFU " + formatNumber(100 * forecast.mfu, 2) + " %; arithmetic holds up " + formatNumber(100 * forecast.computeShare, 2)
             + " % of the time, memory bandwidth " + formatNumber(100 * forecast.bandwidthShare, 2) + " %; " + forecast.basis);
    if (planned.runTokens > 0)
        out.line("  the whole run: about " + formatDuration(forecast.secondsFor(planned.runTokens)) + " for "
                 + formatCount(static_cast<std::uint64_t>(planned.runTokens)) + " tokens");
}

}  // namespace lorikeet::app
