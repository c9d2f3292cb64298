// SPDX-License-Identifier: GPL-3.0-or-later
// A PEFT adapter folder with everything its consumers look for: adapter, configuration, tokenizer files, and for a GGUF base a note
// that names the file with its hash. Written as a whole or not at all, read back before it is put in place.
#pragma once

#include "engine/base/progress.h"
#include "engine/formats/model_source.h"
#include "engine/plan/layout.h"
#include "engine/spec/job.h"

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace lorikeet::exporting {

/// What goes into the folder.
struct AdapterContent {
    const formats::ModelSource* source = nullptr;
    Job job;
    std::span<const plan::AdapterSlot> slots;
    std::span<const float> flat;
};

struct WrittenFolder {
    std::vector<std::string> files;
    std::uint64_t bytes = 0;
    std::size_t tensors = 0;  ///< read back and found equal
    std::string sha256;       ///< of adapter_model.safetensors
};

/// `check` may prove more about the folder before it is put in place; what it throws keeps the target untouched.
/// @throws Error{Target} when it cannot be written, Error{Internal} when what was read back differs.
WrittenFolder writeAdapterFolder(const std::filesystem::path& target, bool replaceExisting, const AdapterContent& content,
                                 const std::stop_token& stop, const std::function<void(const std::filesystem::path&)>& check = {});

}  // namespace lorikeet::exporting
