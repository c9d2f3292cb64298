// SPDX-License-Identifier: GPL-3.0-or-later
// Where the time of an optimizer step goes on this machine's CPU: by op, by shape and by layer, beside what the machine can do.
#pragma once

#include "engine/base/progress.h"
#include "engine/plan/step_cost.h"
#include "engine/spec/device_spec.h"
#include "engine/spec/job.h"

#include <nlohmann/json_fwd.hpp>

#include <array>
#include <stop_token>
#include <string>
#include <vector>

namespace lorikeet::api {

/// One call of one op in the last step.
struct OpSpan {
    std::string op;     ///< "matmul"
    std::string where;  ///< "train, forward of layer 3"
    double begin = 0;   ///< seconds since the step began
    double seconds = 0;
};

/// Calls of the same op on the same shape, over all measured steps.
struct OpTotal {
    std::string op;
    std::array<std::int64_t, 3> shape{};  ///< m, n, k of a product; rows, columns, 0
    std::string dtype;
    double callsPerStep = 0;
    double secondsPerStep = 0;
    double shortestCall = 0;  ///< seconds
    double flops = 0;         ///< of one call's products
    double bytes = 0;         ///< that one call must move
    double atBest = 0;        ///< seconds one call would take at the machine's own rates

    [[nodiscard]] double gflops() const noexcept { return 1e-9 * flops / shortestCall; }
    [[nodiscard]] double gbps() const noexcept { return 1e-9 * bytes / shortestCall; }
};

/// Time of one program point per step: a layer's forward or backward pass, the head, the optimizer.
struct PartTotal {
    std::string where;
    double secondsPerStep = 0;
};

struct StepBench {
    std::vector<double> stepSeconds;  ///< of the measured steps
    double tokens = 0;                ///< per step
    double modelFlops = 0;            ///< per step, as MFU counts them
    DeviceRates rates;                ///< measured in the same run
    bool bf16 = false;                ///< products are bf16
    std::vector<OpTotal> ops;         ///< most time first
    std::vector<PartTotal> parts;     ///< in the order of the step
    std::vector<OpSpan> spans;
    double lossFirst = 0;
    double lossLast = 0;

    [[nodiscard]] double medianSeconds() const;
    [[nodiscard]] double meanSeconds() const;
    /// Model FLOP/s over the machine's best product in the job's precision.
    [[nodiscard]] double mfu() const;
    /// Time at the machine's own rates over the time taken; 1 is the roofline.
    [[nodiscard]] double rooflineShare() const;
    /// Share of the step outside products and attention.
    [[nodiscard]] double shareOutsideProducts() const;
};

struct StepBenchOptions {
    std::int64_t steps = 5;
    std::int64_t warmup = 2;
};

/// Optimizer steps of `job` on random documents that fill a micro-batch. Weights are random where job.model.path has none.
/// @throws Error{Cancelled} between steps, and what loading and planning throw.
[[nodiscard]] StepBench benchStep(const Job& job, const StepBenchOptions& options, const std::stop_token& stop = {});

/// Machine, job, steps, rates, ops, parts.
[[nodiscard]] nlohmann::ordered_json toJson(const StepBench& bench);
/// The last step in the trace event format that Chrome and Perfetto open ("X" events, microseconds).
[[nodiscard]] nlohmann::ordered_json traceOf(const StepBench& bench);

}  // namespace lorikeet::api
