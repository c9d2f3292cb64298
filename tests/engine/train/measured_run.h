// SPDX-License-Identifier: GPL-3.0-or-later
// A training run in a process of its own, this test program called again, and what it reports of its memory.
#pragma once

#include "engine/spec/job.h"

#include <QByteArray>
#include <QJsonObject>
#include <QString>
#include <QTemporaryDir>

#include <functional>
#include <string>

namespace lorikeet::test {

/// One run to measure.
struct MeasuredJob {
    std::string model;     ///< "mini", "starter" or a blueprint of the catalogue; its weights are zeros but for "starter"
    int layers = 0;        ///< 0: the model's own
    std::string settings;  ///< "recipe.context=512 recipe.precision=fp32 ..."
    bool fullRows = false; ///< rows fill the micro-batch; else three short ones (what is planned is touched in any case)
    bool ends = true;      ///< the run ends with a checkpoint; else the process ends after the last step
};

/// What the process does beside training.
struct MeasuredOptions {
    bool limited = false;     ///< the system refuses memory beyond the planned total
    double lacking = 0;       ///< with `limited`: share of the plan by which the limit is lower
};

struct MeasuredReport {
    QString problem;     ///< the process did not run as it should
    /// "plan", "arena" (host's included), "context" (the program itself), "loaded" (the peak when the last tensor was in its
    /// place), "peak" in bytes; "steps"; "error", "code"
    QJsonObject values;
    [[nodiscard]] double of(const char* name) const { return values[name].toDouble(); }
};

/// Prepares models and data on first use and starts the processes.
class MeasuredRuns {
public:
    /// Empty, or what went wrong.
    [[nodiscard]] QString prepare();
    /// The job with absolute paths; makes its model.
    [[nodiscard]] Job jobOf(const MeasuredJob& measured);
    /// Bytes that the job's plan takes here, without running it.
    [[nodiscard]] std::uint64_t plannedBytes(const Job& job) const;
    [[nodiscard]] MeasuredReport run(const MeasuredJob& measured, const MeasuredOptions& options = {});

private:
    QTemporaryDir m_folder;
    int m_runs = 0;
};

/// main() of a test program with such runs: trains when called as the child, else `test()`.
int measuredMain(int count, char** words, const std::function<int()>& test);

}  // namespace lorikeet::test
