// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/api/fitting.h"

#include "engine/api/guarded.h"
#include "engine/api/planning.h"

#include <algorithm>
#include <vector>

namespace lorikeet::api {

namespace {

plan::CostsOf costsFor(const ModelShape& shape, const DeviceSpec& device)
{
    return [&shape, &device](const Job& job) { return kernelCosts(shape, job, device); };
}

}  // namespace

plan::FitAnswer makeItFit(const ModelShape& shape, const Job& job, const DeviceSpec& device, const plan::FitOptions& options)
{
    return guarded([&] { return plan::makeItFit(shape, job, device, costsFor(shape, device), options); });
}

plan::FitAnswer roomFor(const ModelShape& shape, const Job& job, const DeviceSpec& device, const plan::FitOptions& options)
{
    return guarded([&] { return plan::roomFor(shape, job, device, costsFor(shape, device), options); });
}

plan::LongestContext longestContext(const ModelShape& shape, const Job& job, const DeviceSpec& device, const plan::FitOptions& options)
{
    return guarded([&] { return plan::longestContext(shape, job, device, costsFor(shape, device), options); });
}

plan::WhatIfSeries whatIf(plan::Axis axis, const ModelShape& shape, const Job& job, const DeviceSpec& device, const plan::Workload& workload)
{
    return guarded([&] { return plan::whatIf(axis, shape, job, device, costsFor(shape, device), workload); });
}

plan::SmallestCard smallestCard(const ModelShape& shape, const Job& job, const plan::FitOptions& options)
{
    return guarded([&] {
        std::vector<DeviceSpec> cards;
        for (const std::string& name : catalogueDevices())
            cards.push_back(findDevice(name));
        return plan::smallestCard(shape, job, cards, [&shape](const Job& which, const DeviceSpec& card) { return kernelCosts(shape, which, card); }, options);
    });
}

plan::StepForecast forecast(const ModelShape& shape, const Job& job, const DeviceSpec& device, const plan::Workload& workload)
{
    return guarded([&] { return plan::forecastStep(shape, job, device, workload); });
}

plan::Workload workloadOf(const Job& job, const DataSummary& data)
{
    plan::Workload workload;
    const std::int64_t rows = data.trainRows + data.validationRows;
    if (rows <= 0 || data.tokens <= 0)
        return workload;
    const auto tokens = static_cast<double>(data.tokens);
    workload.documentTokens = std::min(tokens / static_cast<double>(rows), static_cast<double>(job.recipe.context));
    workload.supervisedShare = static_cast<double>(data.supervisedTokens) / tokens;
    workload.fill = data.packingEfficiency > 0 ? data.packingEfficiency : 1;
    return workload;
}

}  // namespace lorikeet::api
