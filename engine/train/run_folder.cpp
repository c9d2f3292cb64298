// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/train/run_folder.h"

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/spec/job_fields.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace lorikeet::train {

namespace {

using nlohmann::ordered_json;

constexpr std::uint64_t kLargestRecord = 16 << 20;
constexpr std::uint64_t kLargestLog = 4ull << 30;
/// Fields a resumed run may change: they move the end and the cadence, not what a step does.
constexpr std::array<std::string_view, 4> kChangeable{"recipe.epochs", "recipe.max_steps", "run.eval_every", "run.save_every"};

std::filesystem::path logPath(const std::filesystem::path& runFolder) { return runFolder / "events.jsonl"; }

}  // namespace

void writeRunRecord(const std::filesystem::path& runFolder, const RunRecord& record)
{
    ordered_json categories = ordered_json::object();
    for (const plan::Category category : plan::kCategories)
        categories[std::string(plan::nameOf(category))] = record.plannedBytes[static_cast<std::size_t>(category)];
    ordered_json versions = ordered_json::object();
    for (const auto& [name, version] : record.versions)
        versions[name] = version;
    const std::string jobText = writeJob(record.job);
    ordered_json run{{"lorikeet_run", kRunVersion},
                           {"created", record.created},
                           {"job", ordered_json::parse(jobText)},
                           {"total_steps", record.totalSteps},
                           {"hashes", {{"model", record.modelHash}, {"data", record.dataHash}, {"job", sha256(jobText)}}},
                           {"device", record.device},
                           {"plan", {{"total_bytes", record.plannedTotal}, {"categories", categories}}},
                           {"versions", versions}};
    if (!record.startHash.empty())
        run["hashes"]["start"] = record.startHash;
    writeFileAtomically(runFolder / "run.json", run.dump(2) + "\n");
}

RunRecord readRunRecord(const std::filesystem::path& runFolder)
{
    const std::filesystem::path path = runFolder / "run.json";
    if (!std::filesystem::exists(path))
        throw Error(ErrorCode::BadInput, utf8(runFolder) + " is not a run: it has no run.json", "give the folder that 'lorikeet-cli train' printed");
    try {
        const ordered_json run = ordered_json::parse(readTextFile(path, kLargestRecord));
        if (run.at("lorikeet_run").get<int>() > kRunVersion)
            throw Error(ErrorCode::BadInput, utf8(path) + " was written by a newer Lorikeet", "update this program");
        RunRecord record;
        record.created = run.at("created").get<std::string>();
        record.job = parseJob(run.at("job").dump(), utf8(path));
        record.totalSteps = run.at("total_steps").get<std::int64_t>();
        record.modelHash = run.at("hashes").at("model").get<std::string>();
        record.dataHash = run.at("hashes").at("data").get<std::string>();
        record.startHash = run.at("hashes").value("start", std::string());
        record.device = run.at("device").get<std::string>();
        record.plannedTotal = run.at("plan").at("total_bytes").get<std::uint64_t>();
        for (const plan::Category category : plan::kCategories)
            record.plannedBytes[static_cast<std::size_t>(category)]
                = run.at("plan").at("categories").at(std::string(plan::nameOf(category))).get<std::uint64_t>();
        for (const auto& [name, version] : run.at("versions").items())
            record.versions.emplace_back(name, version.get<std::string>());
        return record;
    } catch (const nlohmann::json::exception& error) {
        throw Error(ErrorCode::BadInput, utf8(path) + " is damaged: " + error.what(), "start the run anew");
    }
}

std::string hashOfFiles(const std::vector<std::filesystem::path>& files, const char* stage, const std::stop_token& stop, const ProgressFn& progress)
{
    Sha256 all;
    for (std::size_t i = 0; i < files.size(); ++i) {
        all.update(sha256OfFile(files[i], stop));
        if (progress)
            progress({stage, i + 1, files.size(), "files"});
    }
    return all.finish();
}

void requireResumable(const RunRecord& before, const RunRecord& now)
{
    for (const JobField& field : jobFields()) {
        if (std::find(kChangeable.begin(), kChangeable.end(), field.key) != kChangeable.end())
            continue;
        const ordered_json was = field.get(before.job);
        const ordered_json is = field.get(now.job);
        if (was != is)
            throw Error(ErrorCode::Usage, field.key + " was " + was.dump() + " when the run began, now it is " + is.dump(),
                        "a resumed run may change only recipe.epochs, recipe.max_steps, run.eval_every and run.save_every");
    }
    if (before.modelHash != now.modelHash)
        throw Error(ErrorCode::BadInput, "the files of the model " + before.job.model.path + " are not the ones the run began with",
                    "restore them, or start a new run");
    if (before.dataHash != now.dataHash)
        throw Error(ErrorCode::BadInput, "the data " + before.job.data.path + " are not the ones the run began with", "restore them, or start a new run");
}

EventLog::EventLog(const std::filesystem::path& runFolder) : m_path(logPath(runFolder))
{
    m_file = std::make_unique<AppendFile>(m_path);
    m_bytes = std::filesystem::file_size(m_path);
}

void EventLog::cutTo(std::uint64_t bytes)
{
    m_file.reset();
    if (std::filesystem::file_size(m_path) > bytes)
        truncateFile(m_path, bytes);
    m_file = std::make_unique<AppendFile>(m_path);
    m_bytes = std::filesystem::file_size(m_path);
}

void EventLog::append(const RunEvent& event)
{
    const std::string line = toJson(event).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
    m_file->appendLine(line);
    m_bytes += line.size() + 1;
}

void EventLog::flush() { m_file->flush(); }

std::vector<RunEvent> readEvents(const std::filesystem::path& runFolder)
{
    std::vector<RunEvent> events;
    if (!std::filesystem::exists(logPath(runFolder)))
        return events;
    const std::string text = readTextFile(logPath(runFolder), kLargestLog);
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = text.find('\n', begin);
        if (end == std::string::npos)
            break;
        const ordered_json line = ordered_json::parse(text.substr(begin, end - begin), nullptr, false);
        if (line.is_discarded())
            throw Error(ErrorCode::BadInput, utf8(logPath(runFolder)) + " is damaged at byte " + std::to_string(begin),
                        "cut the file before that line, or start the run anew");
        events.push_back(runEventFromJson(line));
        begin = end + 1;
    }
    return events;
}

}  // namespace lorikeet::train
