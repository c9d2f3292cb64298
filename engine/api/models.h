// SPDX-License-Identifier: GPL-3.0-or-later
// Finding and describing base models: what stands behind "starter", "blueprint:NAME", a folder, a GGUF file or a config.json.
#pragma once

#include "engine/base/progress.h"
#include "engine/spec/job.h"
#include "engine/spec/model_shape.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lorikeet::api {

/// What the model card shows.
struct ModelInfo {
    std::string path;     ///< as given: "starter", "blueprint:Qwen3-0.6B", or a path
    std::filesystem::path location;  ///< resolved file or folder; empty for a blueprint
    std::string format;   ///< "gguf", "safetensors", "blueprint", "config"
    ModelShape shape;
    bool hasWeights = false;
    bool hasTokenizer = false;
    bool hasChatTemplate = false;
    std::string licence;  ///< empty when not stated
    std::uint64_t fileBytes = 0;
    std::string weightTypes;  ///< "Q4_1 x 210, F32 x 61, Q8_0 x 1" or "BF16 x 291"
};

/// Reads headers only. @throws Error{BadInput} that says why the model cannot be used and what to do.
[[nodiscard]] ModelInfo inspectModel(const std::string& path);
/// Only the shape, for planning. @throws as inspectModel.
[[nodiscard]] ModelShape modelShape(const std::string& path);
/// The shape with an adapter in place: with the rows that it adds. @throws as inspectModel, and for a folder that is no adapter.
[[nodiscard]] ModelShape modelShape(const std::string& path, const std::filesystem::path& adapter);
/// The shape that a job trains: with the rows of its added tokens. Reads the tokenizer where there are some.
[[nodiscard]] ModelShape modelShape(const Job& job);
/// The file or folder behind a model path; "starter" is the set-up's model file. @throws Error{BadInput}
[[nodiscard]] std::filesystem::path locateModel(const std::string& path);
/// True when the starter model has been fetched.
[[nodiscard]] bool hasStarterModel();

/// A place where a model lies on this machine, usable or not.
struct FoundModel {
    std::filesystem::path path;
    std::string name;
    std::optional<ModelInfo> info;
    std::string problem;  ///< why it cannot be used; empty when info is there
};
/// Looks through the Hugging Face cache, Ollama's and LM Studio's folders and `extraFolders`.
[[nodiscard]] std::vector<FoundModel> findModels(const std::vector<std::filesystem::path>& extraFolders, const std::stop_token& stop,
                                                 const ProgressFn& progress);

}  // namespace lorikeet::api
