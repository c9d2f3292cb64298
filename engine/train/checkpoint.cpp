// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/train/checkpoint.h"

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/hash.h"
#include "engine/formats/safetensors_reader.h"
#include "engine/formats/safetensors_writer.h"
#include "engine/kernels/elementwise.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <span>

namespace lorikeet::train {

namespace {

using nlohmann::ordered_json;

constexpr const char* kStateFile = "state.json";
constexpr const char* kTensorFile = "state.safetensors";
constexpr const char* kManifestFile = "manifest.json";
constexpr std::uint64_t kLargestJson = 1 << 20;
constexpr std::size_t kKept = 2;
constexpr std::int64_t kPieceBytes = 4 << 20;

std::filesystem::path checkpointsFolder(const std::filesystem::path& runFolder) { return runFolder / "checkpoints"; }

ordered_json optionalNumber(const std::optional<double>& value) { return value ? ordered_json(*value) : ordered_json(nullptr); }

std::optional<double> numberOrNothing(const ordered_json& value)
{
    return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

/// Bytes of a buffer in pieces: in place on the host, through `room` from a device.
template <typename Piece>
void inPieces(const tensor::Mat& mat, bool onDevice, const Piece& piece)
{
    const auto size = static_cast<std::int64_t>(bytesOf(mat.dtype));
    const std::int64_t atOnce = onDevice ? kPieceBytes / size : mat.elements();
    std::vector<std::byte> room(onDevice ? static_cast<std::size_t>(std::min(atOnce, mat.elements()) * size) : 0);
    for (std::int64_t first = 0; first < mat.elements(); first += atOnce) {
        const tensor::Mat part = mat.part(first, 1, std::min(atOnce, mat.elements() - first));
        piece(part, static_cast<std::uint64_t>(first * size), onDevice ? std::span(room).first(part.bytes()) : std::span(part.as<std::byte>(), part.bytes()));
    }
}

void writeTensors(const std::filesystem::path& path, const TrainedState& state)
{
    const std::vector<TrainedState::Part> parts = state.parts();
    const bool onDevice = state.context().device != nullptr;
    std::vector<formats::SafeEntry> entries;
    for (const TrainedState::Part& part : parts)
        entries.push_back({part.name, formats::safeTypeOf(part.mat.dtype), {static_cast<std::uint64_t>(part.mat.elements())}});
    formats::writeSafetensors(path, std::move(entries), [&](const formats::SafeEntry& entry, const formats::AppendBytes& append) {
        const auto found = std::ranges::find(parts, entry.name, &TrainedState::Part::name);
        inPieces(found->mat, onDevice, [&](const tensor::Mat& part, std::uint64_t, std::span<std::byte> bytes) {
            if (onDevice)
                kernels::download(state.context(), bytes.data(), part);
            append(bytes);
        });
    });
}

const formats::SafeTensor& tensorOf(const formats::SafetensorsFile& file, const std::string& name, DType dtype)
{
    const formats::SafeTensor* tensor = file.find(name);
    if (!tensor || formats::dtypeOf(tensor->type) != dtype)
        throw Error(ErrorCode::BadInput, utf8(file.path()) + ": no " + std::string(nameOf(dtype)) + " tensor " + name, "start the run anew without --resume");
    return *tensor;
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
    if (const int version = manifest.at("lorikeet_checkpoint").get<int>(); version != kCheckpointVersion)
        throw Error(ErrorCode::BadInput,
                    utf8(folder) + " has checkpoint version " + std::to_string(version) + ", this program reads " + std::to_string(kCheckpointVersion),
                    version > kCheckpointVersion ? "update this program" : "start the run anew without --resume");
    for (const char* name : {kStateFile, kTensorFile})
        if (manifest.at("files").at(name).at("sha256").get<std::string>() != sha256OfFile(folder / name))
            throw Error(ErrorCode::BadInput, utf8(folder / name) + " does not match the hash in its manifest",
                        "the file is damaged; with no older checkpoint beside it, start the run anew");
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
    checkpoint.folder = folder;
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

std::filesystem::path writeCheckpoint(const std::filesystem::path& runFolder, const Checkpoint& checkpoint, const TrainedState& trained)
{
    makeFolders(checkpointsFolder(runFolder));
    const std::filesystem::path target = checkpointsFolder(runFolder) / ("step-" + std::to_string(checkpoint.step));
    AtomicFolder folder(target, true);
    writeTensors(folder.staging() / kTensorFile, trained);
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
    throw Error(ErrorCode::BadInput, utf8(runFolder) + " has no checkpoint that can be used" + reason, "train it to its first checkpoint, or begin a new run");
}

void restoreState(const Checkpoint& checkpoint, TrainedState& state)
{
    const formats::SafetensorsFile file(checkpoint.folder / kTensorFile);
    const bool onDevice = state.context().device != nullptr;
    for (const TrainedState::Part& part : state.parts()) {
        const formats::SafeTensor& tensor = tensorOf(file, part.name, part.mat.dtype);
        if (tensor.bytes != part.mat.bytes())
            throw Error(ErrorCode::BadInput, utf8(file.path()) + ": " + part.name + " has " + std::to_string(tensor.bytes) + " bytes, this job needs "
                                                 + std::to_string(part.mat.bytes()),
                        "start the run anew without --resume");
        inPieces(part.mat, onDevice, [&](const tensor::Mat& target, std::uint64_t begin, std::span<std::byte> bytes) {
            file.read(tensor, begin, bytes);
            if (onDevice)
                kernels::upload(state.context(), target, bytes.data());
        });
    }
    state.refreshWork();
}

CheckpointMasters::CheckpointMasters(const Checkpoint& checkpoint) : m_file(checkpoint.folder / kTensorFile)
{
    m_elements = static_cast<std::int64_t>(tensorOf(m_file, "masters", DType::F32).bytes / sizeof(float));
}

void CheckpointMasters::read(std::int64_t offset, std::span<float> to) const
{
    m_file.read("masters", static_cast<std::uint64_t>(offset) * sizeof(float), std::as_writable_bytes(to));
}

}  // namespace lorikeet::train
