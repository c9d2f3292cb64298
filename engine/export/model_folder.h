// SPDX-License-Identifier: GPL-3.0-or-later
// A whole model as a Hugging Face folder: config.json, model.safetensors, tokenizer files. Written as a whole or not at all, read back
// before it is put in place.
#pragma once

#include "engine/export/adapter_folder.h"
#include "engine/formats/parameters.h"

namespace lorikeet::exporting {

/// What goes into the folder.
struct ModelContent {
    const formats::ModelSource* source = nullptr;  ///< the base: configuration and tokenizer
    DType dtype = DType::BF16;                     ///< of the written weights: bf16 or fp32
    formats::ReadParameter read;   ///< trainedParameters()
};

/// `check` may prove more about the folder before it is put in place. @throws Error{Target} when it cannot be written,
/// Error{Internal} when what was read back differs, Error{Cancelled}.
WrittenFolder writeModelFolder(const std::filesystem::path& target, bool replaceExisting, const ModelContent& content, const std::stop_token& stop,
                               const ProgressFn& progress, const FolderCheck& check = {});

}  // namespace lorikeet::exporting
