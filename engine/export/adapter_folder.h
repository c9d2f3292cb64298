// SPDX-License-Identifier: GPL-3.0-or-later
// A PEFT adapter folder with everything its consumers look for: adapter, configuration, tokenizer files, and for a GGUF base a note
// that names the file with its hash. Written as a whole or not at all, read back before it is put in place.
#pragma once

#include "engine/export/written_folder.h"
#include "engine/formats/model_source.h"
#include "engine/lora/peft_modules.h"
#include "engine/plan/layout.h"
#include "engine/spec/job.h"

#include <span>

namespace lorikeet::exporting {

/// What goes into the folder.
struct AdapterContent {
    const formats::ModelSource* source = nullptr;
    Job job;
    std::span<const plan::AdapterSlot> slots;
    std::span<const float> flat;
    lora::TrainedModules modules;  ///< what was trained whole beside it
};

/// Reads from the flat masters, of which `readMasters` gives [offset, offset + to.size()). `slots` must outlive it.
[[nodiscard]] formats::ReadParameter trainedParameters(std::span<const plan::ParameterSlot> slots,
                                                       std::function<void(std::int64_t offset, std::span<float> to)> readMasters);
/// The same with the list of what there is.
[[nodiscard]] lora::TrainedModules trainedModules(std::span<const plan::ParameterSlot> slots,
                                                  std::function<void(std::int64_t offset, std::span<float> to)> readMasters);

/// @throws Error{Target} when it cannot be written, Error{Internal} when what was read back differs.
WrittenFolder writeAdapterFolder(const std::filesystem::path& target, bool replaceExisting, const AdapterContent& content,
                                 const std::stop_token& stop, const FolderCheck& check = {});

}  // namespace lorikeet::exporting
