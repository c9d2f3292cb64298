// SPDX-License-Identifier: GPL-3.0-or-later
// Whole runs of the trainer on a miniature model, in a temporary folder, and what two runs must have in common.
#pragma once

#include "engine/train/trainer.h"

#include <QString>
#include <QTemporaryDir>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace lorikeet::test {

/// What a process that is killed leaves: nothing more is written.
struct Killed {};

/// One run as a test sees it.
struct Outcome {
    std::vector<RunEvent> events;  ///< as emitted
    std::optional<train::TrainerResult> result;
    std::vector<float> masters;            ///< of what was trained, at the end
    std::vector<plan::AdapterSlot> slots;  ///< of `masters`
    std::vector<plan::ParameterSlot> parameters;  ///< of `masters`
    std::vector<std::string> unused;       ///< checking mode: planned buffers that nobody asked for
    std::vector<std::string> unwritten;    ///< checking mode: not wholly written
    std::optional<Error> error;
    bool killed = false;
    double secondsAfterStop = 0;  ///< from the stop request to the return
};

/// How a run is disturbed. The functions are asked at every event / progress report.
struct Disturbance {
    std::function<bool(const RunEvent&)> stopAt;
    std::function<bool(const RunEvent&)> killAt;
    std::function<bool(const Progress&)> stopAtProgress;
    std::function<bool(const MemoryMeasured&)> stopAtMemory;
    bool checkMemory = false;
};

/// Changes one bit of the fifth byte from the end of a file: its size stays, its hash does not. The test fails when it cannot.
void flipByte(const std::filesystem::path& path);

/// Folder with model and data; makes them on construction.
class TinyRuns {
public:
    /// Empty, or what went wrong.
    [[nodiscard]] QString prepare();
    /// 4 to 40 byte messages, 36 rows; packing, accumulation, dropout, shuffle, validation rows all in use: 3 epochs.
    [[nodiscard]] Job job() const;
    [[nodiscard]] std::filesystem::path path(const QString& name) const { return m_folder.filePath(name).toStdString(); }
    Outcome run(const Job& job, const std::filesystem::path& runFolder, bool resume, const Disturbance& disturbance = {}) const;

private:
    QTemporaryDir m_folder;
};

/// Steps and evaluations without what depends on the clock, one text per event, every bit of every number in it.
[[nodiscard]] std::vector<std::string> facts(const std::vector<RunEvent>& events);
/// facts() of a run folder's log.
[[nodiscard]] std::vector<std::string> loggedFacts(const std::filesystem::path& runFolder);

[[nodiscard]] inline bool isStep(const RunEvent& event, std::int64_t step)
{
    const auto* done = std::get_if<StepDone>(&event);
    return done && done->step == step;
}

}  // namespace lorikeet::test
