// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/train/checkpoint.h"

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/hash.h"
#include "engine/formats/safetensors_reader.h"
#include "engine/formats/safetensors_writer.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <map>

namespace lorikeet::train {

namespace {

using nlohmann::ordered_json;

constexpr const char* kStateFile = "state.json";
constexpr const char* kTensorFile = "state.safetensors";
constexpr const char* kManifestFile = "manifest.json";
constexpr std::uint64_t kLargestJson = 1 << 20;
constexpr std::size_t kKept = 2;

std::filesystem::path checkpointsFolder(const std::filesystem::path& runFolder) { return runFolder / "checkpoints"; }

ordered_json optionalNumber(const std::optional<double>& value) { return value ? ordered_json(*value) : ordered_json(nullptr); }

std::optional<double> numberOrNothing(const ordered_json& value)
{
    return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

void writeTensors(const std::filesystem::path& path, const Checkpoint& checkpoint)
{
    const std::map<std::string, const std::vector<float>*> parts{
        {"adapter", &checkpoint.adapter}, {"moment1", &checkpoint.moment1}, {"moment2", &checkpoint.moment2}};
    std::vector<formats::SafeEntry> entries;
    for (const auto& [name, values] : parts)
        entries.push_back({name, formats::SafeType::F32, {values->size()}});
    formats::writeSafetensors(path, std::move(entries), [&](const formats::SafeEntry& entry, const formats::AppendBytes& append) {
        append(std::as_bytes(std::span(*parts.at(entry.name))));
    });
}

std::vector<float> readPart(const formats::SafetensorsFile& file, const std::string& name)
{
    const formats::SafeTensor* tensor = file.find(name);
    if (!tensor || tensor->type != formats::SafeType::F32)
        throw Error(ErrorCode::BadInput, utf8(file.path()) + ": no fp32 tensor " + name);
    std::vector<float> values(tensor->bytes / sizeof(float));
    file.read(*tensor, 0, std::as_writable_bytes(std::span(values)));
    return values;
}

std::string manifestOf(const std::filesystem::path& folder, std::int64_t step)
{
    ordered_json manifest{{"lorikeet_checkpoint", kCheckpointVersion}, {"step", step}, {"files", ordered_json::object()}};
    for (const char* name : {kStateFile, kTensorFile})
        manifest["files"][name] = {{"bytes", std::filesystem::file_size(folder / name)}, {"sha256", sha256OfFile(folder / name)}};
    return manifest.dump(2) + "\n";
}

void verifyManifest(const std::filesystem::path& folder)
{
    const ordered_json manifest = ordered_json::parse(readTextFile(folder / kManifestFile, kLargestJson));
    if (manifest.at("lorikeet_checkpoint").get<int>() > kCheckpointVersion)
        throw Error(ErrorCode::BadInput, utf8(folder) + " was written by a newer Lorikeet", "update this program");
    for (const char* name : {kStateFile, kTensorFile})
        if (manifest.at("files").at(name).at("sha256").get<std::string>() != sha256OfFile(folder / name))
            throw Error(ErrorCode::BadInput, utf8(folder / name) + " does not match the hash in its manifest");
}

Checkpoint readCheckpoint(const std::filesystem::path& folder)
{
    verifyManifest(folder);
    const ordered_json state = ordered_json::parse(readTextFile(folder / kStateFile, kLargestJson));
    Checkpoint checkpoint;
    checkpoint.step = state.at("step").get<std::int64_t>();
    checkpoint.sampler = {state.at("epoch").get<std::int64_t>(), state.at("cursor").get<std::int64_t>()};
    checkpoint.totalTokens = state.at("total_tokens").get<std::int64_t>();
    checkpoint.secondsBefore = state.at("seconds").get<double>();
    checkpoint.eventBytes = state.at("event_bytes").get<std::uint64_t>();
    checkpoint.evaluatedStep = state.at("evaluated_step").get<std::int64_t>();
    checkpoint.validationLossBefore = numberOrNothing(state.at("validation_loss_before"));
    checkpoint.validationLossLast = numberOrNothing(state.at("validation_loss_last"));
    const formats::SafetensorsFile file(folder / kTensorFile);
    checkpoint.adapter = readPart(file, "adapter");
    checkpoint.moment1 = readPart(file, "moment1");
    checkpoint.moment2 = readPart(file, "moment2");
    return checkpoint;
}

/// Folders "step-N", newest first.
std::vector<std::pair<std::int64_t, std::filesystem::path>> listCheckpoints(const std::filesystem::path& runFolder)
{
    std::vector<std::pair<std::int64_t, std::filesystem::path>> found;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(checkpointsFolder(runFolder), ignored)) {
        const std::string name = utf8(entry.path().filename());
        constexpr std::string_view kPrefix = "step-";
        std::int64_t step = 0;
        const char* end = name.data() + name.size();
        if (name.starts_with(kPrefix) && std::from_chars(name.data() + kPrefix.size(), end, step).ptr == end)
            found.emplace_back(step, entry.path());
    }
    std::sort(found.rbegin(), found.rend());
    return found;
}

}  // namespace

std::filesystem::path writeCheckpoint(const std::filesystem::path& runFolder, const Checkpoint& checkpoint)
{
    makeFolders(checkpointsFolder(runFolder));
    const std::filesystem::path target = checkpointsFolder(runFolder) / ("step-" + std::to_string(checkpoint.step));
    AtomicFolder folder(target, true);
    writeTensors(folder.staging() / kTensorFile, checkpoint);
    const ordered_json state{{"lorikeet_checkpoint", kCheckpointVersion},
                             {"step", checkpoint.step},
                             {"epoch", checkpoint.sampler.epoch},
                             {"cursor", checkpoint.sampler.cursor},
                             {"total_tokens", checkpoint.totalTokens},
                             {"seconds", checkpoint.secondsBefore},
                             {"event_bytes", checkpoint.eventBytes},
                             {"evaluated_step", checkpoint.evaluatedStep},
                             {"validation_loss_before", optionalNumber(checkpoint.validationLossBefore)},
                             {"validation_loss_last", optionalNumber(checkpoint.validationLossLast)}};
    writeFileAtomically(folder.staging() / kStateFile, state.dump(2) + "\n");
    writeFileAtomically(folder.staging() / kManifestFile, manifestOf(folder.staging(), checkpoint.step));
    folder.commit();
    const auto all = listCheckpoints(runFolder);
    for (std::size_t i = kKept; i < all.size(); ++i) {
        std::error_code ignored;
        std::filesystem::remove_all(all[i].second, ignored);
    }
    return target;
}

bool hasCheckpoint(const std::filesystem::path& runFolder) { return !listCheckpoints(runFolder).empty(); }

Checkpoint readNewestCheckpoint(const std::filesystem::path& runFolder, std::vector<std::string>& skipped)
{
    for (const auto& [step, folder] : listCheckpoints(runFolder)) {
        try {
            return readCheckpoint(folder);
        } catch (const Error& error) {
            skipped.push_back(error.message());
        } catch (const nlohmann::json::exception& error) {
            skipped.push_back(utf8(folder) + ": " + error.what());
        }
    }
    std::string reason;
    for (const std::string& text : skipped)
        reason += "; " + text;
    throw Error(ErrorCode::BadInput, utf8(runFolder) + " has no checkpoint to resume from" + reason, "start the run anew without --resume");
}

}  // namespace lorikeet::train
