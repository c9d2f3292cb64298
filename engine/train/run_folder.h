// SPDX-License-Identifier: GPL-3.0-or-later
// The folder of a run, which describes itself: run.json, events.jsonl, checkpoints/, adapter/.
#pragma once

#include "engine/base/files.h"
#include "engine/plan/memory_plan.h"
#include "engine/spec/job.h"
#include "engine/spec/run_event.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lorikeet::train {

inline constexpr int kRunVersion = 1;

/// What run.json says.
struct RunRecord {
    std::string created;  ///< ISO 8601, UTC
    Job job;              ///< paths absolute
    std::int64_t totalSteps = 0;
    std::string modelHash;  ///< SHA-256 over the hashes of the model's files
    std::string dataHash;
    std::string startHash;  ///< SHA-256 of what the adapter started from, where it cannot be made again; empty: it can
    std::string device;
    CategoryBytes plannedBytes{};
    std::uint64_t plannedTotal = 0;
    std::vector<std::pair<std::string, std::string>> versions;  ///< library, version
};

/// @throws Error{Target}
void writeRunRecord(const std::filesystem::path& runFolder, const RunRecord& record);
/// @throws Error{BadInput} when the folder is not a run or was written by a newer version.
[[nodiscard]] RunRecord readRunRecord(const std::filesystem::path& runFolder);

/// SHA-256 over the SHA-256 of each file, in order. @throws Error{BadInput} for a file that cannot be read, Error{Cancelled}
[[nodiscard]] std::string hashOfFiles(const std::vector<std::filesystem::path>& files, const char* stage, const std::stop_token& stop,
                                      const ProgressFn& progress);

/// Refuses a resume that would change what was learnt so far. Epochs, max_steps and the cadences may differ.
/// @throws Error{Usage} naming the field with both values, Error{BadInput} when model or data are not the ones of the run.
void requireResumable(const RunRecord& before, const RunRecord& now);

/// events.jsonl, append-only.
class EventLog {
public:
    explicit EventLog(const std::filesystem::path& runFolder);
    /// Cuts back to the length that a checkpoint knows.
    void cutTo(std::uint64_t bytes);
    void append(const RunEvent& event);
    void flush();
    [[nodiscard]] std::uint64_t bytes() const noexcept { return m_bytes; }

private:
    std::filesystem::path m_path;
    std::unique_ptr<AppendFile> m_file;
    std::uint64_t m_bytes = 0;
};

/// All events of a run's log; a half-written last line is left out.
[[nodiscard]] std::vector<RunEvent> readEvents(const std::filesystem::path& runFolder);

}  // namespace lorikeet::train
