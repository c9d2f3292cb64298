// SPDX-License-Identifier: GPL-3.0-or-later
// Run folders as lists show them; everything is read from the folders themselves.
#include "engine/api/training_run.h"

#include "engine/api/guarded.h"
#include "engine/base/date.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/train/run_folder.h"

#include <algorithm>

namespace lorikeet::api {

namespace {

namespace fs = std::filesystem;

/// "20261124-2342"
std::string timeStamp()
{
    const std::string now = utcNow();
    return now.substr(0, 4) + now.substr(5, 2) + now.substr(8, 2) + "-" + now.substr(11, 2) + now.substr(14, 2);
}

/// Letters, digits, dot, dash and underscore of a name; the rest becomes a dash.
std::string asFileName(std::string name)
{
    for (char& c : name)
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '_')
            c = '-';
    return name.empty() ? "model" : name;
}

void takeEvent(RunInfo& info, const RunEvent& event)
{
    if (const auto* step = std::get_if<StepDone>(&event)) {
        info.lastStep = step->step;
        info.lastLoss = step->loss;
    } else if (const auto* eval = std::get_if<EvalDone>(&event)) {
        info.validationLoss = eval->loss;
    } else if (const auto* ended = std::get_if<RunEnded>(&event)) {
        info.finished = ended->status == RunEnded::Status::Done;
    }
}

}  // namespace

fs::path proposeRunFolder(const Job& job)
{
    return guarded([&] {
        const fs::path runs = dataFolder() / "runs";
        const std::string base = timeStamp() + "-" + asFileName(utf8(pathFromUtf8(job.model.path).stem()));
        fs::path folder = runs / base;
        for (int n = 2; fs::exists(folder); ++n)
            folder = runs / (base + "-" + std::to_string(n));
        return folder;
    }, ErrorCode::Target);
}

RunInfo inspectRun(const fs::path& runFolder)
{
    return guarded([&] {
        const train::RunRecord record = train::readRunRecord(runFolder);
        RunInfo info;
        info.folder = runFolder;
        info.model = record.job.model.path;
        info.data = record.job.data.path;
        info.created = record.created;
        info.base = baseWeightsOf(record.job);
        info.totalSteps = record.totalSteps;
        info.hasAdapter = fs::exists(runFolder / "adapter" / "adapter_model.safetensors");
        info.hasModel = fs::exists(runFolder / "model" / "model.safetensors");
        for (const RunEvent& event : train::readEvents(runFolder))
            takeEvent(info, event);
        return info;
    });
}

std::vector<RunInfo> listRuns(const fs::path& runsFolder)
{
    return guarded([&] {
        std::vector<RunInfo> runs;
        std::error_code ignored;
        for (const auto& entry : fs::directory_iterator(runsFolder, ignored)) {
            try {
                runs.push_back(inspectRun(entry.path()));
            } catch (const Error&) {
                continue;  // not a run, or a damaged one: a list shows what can be shown
            }
        }
        std::sort(runs.begin(), runs.end(), [](const RunInfo& a, const RunInfo& b) { return a.created > b.created; });
        return runs;
    });
}

}  // namespace lorikeet::api
