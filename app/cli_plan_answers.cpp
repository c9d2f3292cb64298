// SPDX-License-Identifier: GPL-3.0-or-later
// The planner's answers as text: ways to fit, what-if tables, cards, contexts.
#include "app/cli_plan.h"
#include "engine/base/units.h"
#include "engine/spec/job_fields.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace lorikeet::app {

namespace {

constexpr std::size_t kBytesColumns = 10;

std::string timeWords(double slowdown)
{
    const double percent = 100 * (slowdown - 1);
    if (std::abs(percent) < 0.5)
        return "same speed";
    return formatNumber(std::abs(percent), 2) + " % " + (percent > 0 ? "slower" : "faster");
}

void printWay(Output& out, std::size_t number, const plan::FitWay& way)
{
    out.line(paddedLeft(std::to_string(number), 3) + ". " + way.summary);
    const std::string host = way.hostBytes > 0 ? ", " + formatBytes(way.hostBytes) + " in host memory" : "";
    out.line("     " + formatBytes(way.totalBytes) + " (" + formatBytesDelta(-way.bytesSaved) + ")" + host + ", " + timeWords(way.slowdown) + ", "
             + std::string(plan::nameOf(way.quality)) + ". " + way.qualityNote);
}

/// The levers of a way by what they do to what is learned.
std::string leverWords(plan::Quality quality)
{
    switch (quality) {
    case plan::Quality::Neutral: return "with neutral levers, which learn the same: ";
    case plan::Quality::Bounded: return "with bounded levers, which learn nearly the same: ";
    case plan::Quality::Changed: return "with levers that change what is learned: ";
    }
    return {};
}

std::string contextWords(std::int64_t context, std::uint64_t bytes, bool limitedByModel)
{
    if (context == 0)
        return "not even 64 tokens fit";
    return formatInteger(static_cast<std::uint64_t>(context)) + " tokens, " + formatBytes(bytes) + (limitedByModel ? ", the model's own limit" : "");
}

/// "recipe.micro_batch=1 recipe.recompute=3": what --set would have to say beside the context.
std::string changesBetween(const Job& before, const Job& after)
{
    std::string text;
    for (const JobField& field : jobFields()) {
        const auto value = field.get(after);
        if (field.key == "recipe.context" || value == field.get(before))
            continue;
        text += (text.empty() ? "" : " ") + field.key + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
    }
    return text;
}

}  // namespace

void printFit(Output& out, const plan::FitAnswer& answer)
{
    const bool needed = answer.verdict == plan::Verdict::DoesNotFit;
    out.line(formatBytes(answer.totalBytes) + " of " + formatBytes(answer.capacityBytes) + ": " + std::string(plan::nameOf(answer.verdict)) + ", " + answer.room);
    if (answer.ways.empty()) {
        out.line(answer.reason);
        return;
    }
    out.line(needed ? "ways to make it fit, best first:" : "what the room could buy:");
    for (std::size_t i = 0; i < answer.ways.size(); ++i)
        printWay(out, i + 1, answer.ways[i]);
}

void printWhatIf(Output& out, const plan::WhatIfSeries& series)
{
    out.line(std::string(plan::nameOf(series.axis)) + " on " + series.device + ", " + formatBytes(series.capacityBytes) + " available");
    std::string head = padded("", 16);
    for (const plan::Category category : plan::kCategories)
        head += paddedLeft(std::string(plan::nameOf(category)), kBytesColumns + 2);
    out.line(head + paddedLeft("total", kBytesColumns) + "  verdict       tokens/s");
    for (const plan::WhatIfPoint& point : series.points) {
        std::string line = padded((point.isNow ? "* " : "  ") + point.label, 16);
        if (!point.possible) {
            out.line(line + "  " + point.reason);
            continue;
        }
        for (const std::uint64_t bytes : point.categoryBytes)
            line += paddedLeft(formatBytes(bytes), kBytesColumns + 2);
        out.line(line + paddedLeft(formatBytes(point.totalBytes), kBytesColumns) + "  " + padded(std::string(plan::nameOf(point.verdict)), 14)
                 + (point.forecast.known ? formatNumber(point.forecast.tokensPerSecond, 3) : "?"));
    }
}

void printSmallestCard(Output& out, const plan::SmallestCard& answer)
{
    const auto describe = [&](int index) {
        const plan::CardAnswer& card = answer.cards[static_cast<std::size_t>(index)];
        return card.device.name + " (" + card.device.id + "), " + formatBytes(card.device.availableBytes);
    };
    if (answer.asItIs < 0)
        out.line("no card of the catalogue trains this job as it is");
    else
        out.line("as it is: " + describe(answer.asItIs) + ", of which the job needs " + formatBytes(answer.cards[static_cast<std::size_t>(answer.asItIs)].totalBytes));
    if (answer.withLevers >= 0) {
        out.line(leverWords(answer.way.quality) + describe(answer.withLevers));
        printWay(out, 1, answer.way);
    }
}

void printLongestContext(Output& out, const PlannedJob& planned, const plan::LongestContext& answer)
{
    out.line("on " + planned.device.name + " (" + planned.device.id + "), " + formatBytes(planned.device.availableBytes) + " available:");
    out.line("  as the job is: " + contextWords(answer.context, answer.totalBytes, answer.limitedByModel));
    const std::string changes = changesBetween(planned.job, answer.jobWithLevers);
    if (changes.empty())
        return;
    out.line("  with neutral levers, which learn the same: " + contextWords(answer.contextWithLevers, answer.totalBytesWithLevers, answer.withLeversLimitedByModel)
             + (answer.hostBytesWithLevers > 0 ? ", and " + formatBytes(answer.hostBytesWithLevers) + " of host memory" : ""));
    if (answer.contextWithLevers > 0)
        out.line("    --set recipe.context=" + std::to_string(answer.contextWithLevers) + " " + changes);
}

}  // namespace lorikeet::app
