// SPDX-License-Identifier: GPL-3.0-or-later
// What-if series: memory by category and speed, as one thing about the job changes. Every point is a plan() of its own.
#pragma once

#include "engine/plan/fit.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet::plan {

/// What changes along the x-axis.
enum class Axis : std::uint8_t { Context, MicroBatch, Rank, Recompute, Method };
inline constexpr std::array<Axis, 5> kAxes{Axis::Context, Axis::MicroBatch, Axis::Rank, Axis::Recompute, Axis::Method};
/// "context", "micro_batch", "rank", "recompute", "method": the words of --what-if.
[[nodiscard]] std::string_view nameOf(Axis axis) noexcept;
[[nodiscard]] std::optional<Axis> axisNamed(std::string_view name) noexcept;
/// "tokens", "contexts", "", "layers recomputed", "".
[[nodiscard]] std::string_view unitOf(Axis axis) noexcept;

struct WhatIfPoint {
    double x = 0;        ///< the value; for Axis::Method the index
    std::string label;   ///< "2,048", "12 of 30", "QLoRA (NF4)"
    Job job;
    bool possible = false;  ///< false: plan() refuses it, `reason` says why
    std::string reason;
    CategoryBytes categoryBytes{};
    std::uint64_t totalBytes = 0;
    std::uint64_t hostBytes = 0;
    Verdict verdict = Verdict::DoesNotFit;
    StepForecast forecast;
    bool isNow = false;  ///< the job as it is
};

struct WhatIfSeries {
    Axis axis = Axis::Context;
    std::string device;
    std::uint64_t capacityBytes = 0;
    std::vector<WhatIfPoint> points;  ///< by rising x
};

/// Context: powers of two from 128 to the model's limit, and the job's own. MicroBatch: 1 to 32 (global batch kept where it divides).
/// Rank: 1 to 256. Recompute: whole blocks recomputed in 0 .. L layers, the others as the job has them. Method: LoRA, QLoRA, 8-bit LoRA,
/// full fine-tuning. @throws Error{Usage} when the job itself cannot be planned.
[[nodiscard]] WhatIfSeries whatIf(Axis axis, const ModelShape& shape, const Job& job, const DeviceSpec& device, const CostsOf& costs,
                                  const Workload& workload = {});

/// The series as CSV (texts quoted as in RFC 4180, '.' as decimal sign, lines end with a line feed): axis value, label, bytes by category,
/// total, host, verdict (or why it is impossible), tokens/s.
[[nodiscard]] std::string toCsv(const WhatIfSeries& series);

/// The job by another method ("lora", "full"); full leaves out what only frozen weights can do: waiting in host memory.
[[nodiscard]] Job withMethod(Job job, const std::string& method, const std::string& quantization);

}  // namespace lorikeet::plan
