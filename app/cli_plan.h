// SPDX-License-Identifier: GPL-3.0-or-later
// The parts of the verb `plan`: what was asked, and how the answers are printed.
#pragma once

#include "app/cli_job_options.h"
#include "app/cli_output.h"
#include "engine/api/fitting.h"
#include "engine/plan/memory_plan.h"
#include "engine/spec/device_spec.h"

#include <string>

namespace lorikeet::app {

struct PlanOptions {
    JobOptions job;
    std::string device;
    bool json = false;
    bool buffers = false;
    bool explain = false;
    bool fit = false;
    bool apply = false;
    int way = 1;         ///< which way --apply takes, from 1
    std::string target;  ///< of --apply
    bool force = false;
    std::string whatIf;  ///< axis
    bool csv = false;
    bool smallestCard = false;
    bool longestContext = false;
    bool withData = false;
};

/// A job with all that a question about it needs.
struct PlannedJob {
    Job job;
    ModelShape shape;
    DeviceSpec device;  ///< with rates
    plan::Workload workload;
    double runTokens = 0;  ///< tokens of the whole run; 0: not known
};

void printPlan(Output& out, const PlannedJob& planned, const plan::MemoryPlan& plan, bool explain);
void printBuffers(Output& out, const plan::MemoryPlan& plan);
void printForecast(Output& out, const PlannedJob& planned, const plan::StepForecast& forecast);
/// That nothing runs this model, or nothing trains on this device (nullptr: it is not the question); else nothing.
void printPlanOnly(Output& out, const ModelShape& shape, const DeviceSpec* device);
void printFit(Output& out, const plan::FitAnswer& answer);
void printWhatIf(Output& out, const plan::WhatIfSeries& series);
void printSmallestCard(Output& out, const plan::SmallestCard& answer);
void printLongestContext(Output& out, const PlannedJob& planned, const plan::LongestContext& answer);

}  // namespace lorikeet::app
