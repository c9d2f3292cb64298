// SPDX-License-Identifier: GPL-3.0-or-later
// Plans of changed jobs, each made once, and a changed job as a way with its price. Internal to the room.
#pragma once

#include "engine/plan/fit.h"

#include <cstdint>
#include <string>
#include <unordered_map>

namespace lorikeet::plan {

/// What plan() said about one job.
struct Trial {
    bool possible = true;  ///< false: plan() refuses it, `reason` says why
    std::string reason;
    std::uint64_t totalBytes = 0;
    std::uint64_t hostBytes = 0;
    Verdict verdict = Verdict::DoesNotFit;
    CategoryBytes categoryBytes{};

    [[nodiscard]] bool fits() const noexcept { return possible && verdict != Verdict::DoesNotFit; }
};

/// Asks plan() about jobs that differ in levers only.
class Trials {
public:
    /// With `brief` plans categoryBytes stay zero.
    Trials(const ModelShape& shape, const DeviceSpec& device, const CostsOf& costs, PlanOptions options = {.brief = true})
        : m_shape(shape), m_device(device), m_costs(costs), m_options(options)
    {
    }

    /// Does not throw for a job that cannot be planned.
    const Trial& of(const Job& job);
    [[nodiscard]] bool fits(const Job& job) { return of(job).fits(); }
    /// plan() calls so far.
    [[nodiscard]] int plans() const noexcept { return m_plans; }

private:
    const ModelShape& m_shape;
    const DeviceSpec& m_device;
    const CostsOf& m_costs;
    PlanOptions m_options;
    std::unordered_map<std::string, Trial> m_known;
    int m_plans = 0;
};

/// The plan of a job for a question about it. @throws Error{Usage} as plan() does.
[[nodiscard]] Trial trialOf(const ModelShape& shape, const Job& job, const DeviceSpec& device, const CostsOf& costs);

/// A way from `before` to `after` with its words, its price and its bytes.
[[nodiscard]] FitWay wayBetween(const ModelShape& shape, const Job& before, std::uint64_t bytesBefore, const Job& after, const Trial& trial,
                                const DeviceSpec& device, const Workload& workload);

}  // namespace lorikeet::plan
