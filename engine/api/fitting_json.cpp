// SPDX-License-Identifier: GPL-3.0-or-later
// The planner's answers as JSON; the schemas stand in app/README.md.
#include "engine/api/fitting.h"

#include <nlohmann/json.hpp>

#include <string>

namespace lorikeet::api {

using nlohmann::ordered_json;

namespace {

ordered_json categoriesJson(const CategoryBytes& bytes)
{
    ordered_json json = ordered_json::object();
    for (const plan::Category category : plan::kCategories)
        json[std::string(plan::nameOf(category))] = bytes[static_cast<std::size_t>(category)];
    return json;
}

ordered_json wayJson(const plan::FitWay& way)
{
    ordered_json changes = ordered_json::array();
    for (const plan::FieldChange& change : way.changes)
        changes.push_back({{"field", change.field}, {"from", change.from}, {"to", change.to}});
    return {{"summary", way.summary},         {"changes", changes},   {"total_bytes", way.totalBytes},
            {"host_bytes", way.hostBytes},    {"bytes_saved", way.bytesSaved}, {"slowdown", way.slowdown},
            {"quality", std::string(plan::nameOf(way.quality))}, {"quality_note", way.qualityNote}, {"verdict", std::string(plan::nameOf(way.verdict))}};
}

}  // namespace

ordered_json toJson(const plan::StepForecast& forecast)
{
    if (!forecast.known)
        return {{"known", false}, {"basis", forecast.basis}, {"model_tflop", forecast.modelTflop}};
    ordered_json parts = ordered_json::array();
    for (const plan::ForecastPart& part : forecast.parts)
        if (part.seconds > 0)
            parts.push_back({{"work", std::string(plan::nameOf(part.work))}, {"seconds", part.seconds}, {"bound", std::string(plan::nameOf(part.bound))}});
    return {{"known", true},
            {"basis", forecast.basis},
            {"tokens_per_second", forecast.tokensPerSecond},
            {"tokens_per_second_low", forecast.tokensPerSecondLow},
            {"tokens_per_second_high", forecast.tokensPerSecondHigh},
            {"seconds_per_step", forecast.secondsPerStep},
            {"tokens_per_step", forecast.tokensPerStep},
            {"model_tflop", forecast.modelTflop},
            {"executed_tflop", forecast.executedTflop},
            {"mfu", forecast.mfu},
            {"compute_share", forecast.computeShare},
            {"bandwidth_share", forecast.bandwidthShare},
            {"link_share", forecast.linkShare},
            {"launch_share", forecast.launchShare},
            {"parts", parts}};
}

ordered_json toJson(const plan::FitAnswer& answer)
{
    ordered_json ways = ordered_json::array();
    for (const plan::FitWay& way : answer.ways)
        ways.push_back(wayJson(way));
    return {{"total_bytes", answer.totalBytes}, {"capacity_bytes", answer.capacityBytes}, {"verdict", std::string(plan::nameOf(answer.verdict))},
            {"ways", ways}, {"reason", answer.reason}};
}

ordered_json toJson(const plan::SmallestCard& answer)
{
    ordered_json cards = ordered_json::array();
    for (const plan::CardAnswer& card : answer.cards)
        cards.push_back({{"device", card.device.id},
                         {"capacity_bytes", card.device.availableBytes},
                         {"total_bytes", card.totalBytes},
                         {"verdict", std::string(plan::nameOf(card.verdict))},
                         {"can_run", card.canRun},
                         {"tokens_per_second", card.forecast.known ? ordered_json(card.forecast.tokensPerSecond) : ordered_json(nullptr)}});
    const auto name = [&](int index) { return index < 0 ? ordered_json(nullptr) : ordered_json(answer.cards[static_cast<std::size_t>(index)].device.id); };
    return {{"as_it_is", name(answer.asItIs)},
            {"with_levers", name(answer.withLevers)},
            {"way", answer.withLevers < 0 ? ordered_json(nullptr) : wayJson(answer.way)},
            {"cards", cards}};
}

ordered_json toJson(const plan::LongestContext& answer)
{
    return {{"context", answer.context},
            {"total_bytes", answer.totalBytes},
            {"limited_by_model", answer.limitedByModel},
            {"context_with_levers", answer.contextWithLevers},
            {"total_bytes_with_levers", answer.totalBytesWithLevers},
            {"host_bytes_with_levers", answer.hostBytesWithLevers},
            {"with_levers_limited_by_model", answer.withLeversLimitedByModel}};
}

ordered_json toJson(const plan::WhatIfSeries& series)
{
    ordered_json points = ordered_json::array();
    for (const plan::WhatIfPoint& point : series.points) {
        ordered_json json{{"x", point.x}, {"label", point.label}, {"possible", point.possible}, {"is_now", point.isNow}};
        if (point.possible) {
            json["categories"] = categoriesJson(point.categoryBytes);
            json["total_bytes"] = point.totalBytes;
            json["host_bytes"] = point.hostBytes;
            json["verdict"] = std::string(plan::nameOf(point.verdict));
            json["tokens_per_second"] = point.forecast.known ? ordered_json(point.forecast.tokensPerSecond) : ordered_json(nullptr);
        } else {
            json["reason"] = point.reason;
        }
        points.push_back(json);
    }
    return {{"axis", std::string(plan::nameOf(series.axis))}, {"device", series.device}, {"capacity_bytes", series.capacityBytes}, {"points", points}};
}

}  // namespace lorikeet::api
