// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/api/fitting.h"

#include "engine/api/guarded.h"
#include "engine/api/planning.h"

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

}  // namespace lorikeet::api
