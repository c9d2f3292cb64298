// SPDX-License-Identifier: GPL-3.0-or-later
// The planner's questions beyond "how much": make it fit, what would room buy, which card, how long a context, how fast, what if. Pure but
// for the kernels' costs, which on a CPU take some ms for sizes not seen before: not for the window's thread.
#pragma once

#include "engine/api/datasets.h"
#include "engine/plan/fit.h"
#include "engine/plan/forecast.h"
#include "engine/plan/inverse.h"
#include "engine/plan/what_if.h"
#include "engine/spec/device_spec.h"
#include "engine/spec/job.h"
#include "engine/spec/model_shape.h"

#include <nlohmann/json_fwd.hpp>

namespace lorikeet::api {

/// Each as the function of its name in engine/plan, with the costs of this program's kernels. @throws Error{Usage}
[[nodiscard]] plan::FitAnswer makeItFit(const ModelShape& shape, const Job& job, const DeviceSpec& device, const plan::FitOptions& options = {});
[[nodiscard]] plan::FitAnswer roomFor(const ModelShape& shape, const Job& job, const DeviceSpec& device, const plan::FitOptions& options = {});
[[nodiscard]] plan::LongestContext longestContext(const ModelShape& shape, const Job& job, const DeviceSpec& device, const plan::FitOptions& options = {});
[[nodiscard]] plan::WhatIfSeries whatIf(plan::Axis axis, const ModelShape& shape, const Job& job, const DeviceSpec& device,
                                        const plan::Workload& workload = {});
/// Over all cards of the catalogue.
[[nodiscard]] plan::SmallestCard smallestCard(const ModelShape& shape, const Job& job, const plan::FitOptions& options = {});
/// At the device's rates as they are; measureRates() first where they should be this machine's. Does not block.
[[nodiscard]] plan::StepForecast forecast(const ModelShape& shape, const Job& job, const DeviceSpec& device, const plan::Workload& workload = {});

/// Length, supervised share and packing of a data set's documents, for the forecast. Does not block.
[[nodiscard]] plan::Workload workloadOf(const Job& job, const DataSummary& data);

/// The device with rates measured here: on the CPU products in fp32 and bf16 and a copy, at most 0.3 s, once per process and thread count;
/// a CUDA device without rates gets those of its datasheet, others come back as they are. Never on the window's thread.
[[nodiscard]] DeviceSpec measureRates(DeviceSpec device);

/// {"tokens_per_second", "tokens_per_second_low", ...}: app/README.md.
[[nodiscard]] nlohmann::ordered_json toJson(const plan::StepForecast& forecast);
[[nodiscard]] nlohmann::ordered_json toJson(const plan::FitAnswer& answer);
[[nodiscard]] nlohmann::ordered_json toJson(const plan::SmallestCard& answer);
[[nodiscard]] nlohmann::ordered_json toJson(const plan::LongestContext& answer);
[[nodiscard]] nlohmann::ordered_json toJson(const plan::WhatIfSeries& series);

}  // namespace lorikeet::api
