// SPDX-License-Identifier: GPL-3.0-or-later
// An adapter as PEFT keeps it: adapter_config.json and adapter_model.safetensors, in both directions.
#pragma once

#include "engine/formats/peft_config.h"
#include "engine/lora/peft_modules.h"
#include "engine/plan/layout.h"
#include "engine/spec/job.h"
#include "engine/spec/model_shape.h"

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace lorikeet::lora {

/// Slots (without offsets) of a PEFT folder for a model: rank from the tensors, alpha and scale from the configuration.
/// @throws Error{BadInput} when a tensor is missing, has no partner, does not fit the model or its rank contradicts the configuration.
[[nodiscard]] std::vector<plan::AdapterSlot> readSlots(const std::filesystem::path& folder, const ModelShape& shape);

/// Fills the flat array from the folder's tensors (fp32, bf16 or fp16), which must have exactly these slots.
/// @throws Error{BadInput}
void readWeights(const std::filesystem::path& folder, std::span<const plan::AdapterSlot> slots, std::span<float> flat);

/// The configuration PEFT would have written for this job.
[[nodiscard]] formats::PeftConfig peftConfigOf(const Job& job, const std::string& baseModel);

/// What goes into a folder: an adapter in `flat`, laid out by `slots`, and what was trained whole beside it.
struct PeftContent {
    formats::PeftConfig config;  ///< its modules_to_save are made from `modules`
    const ModelShape& shape;
    std::span<const plan::AdapterSlot> slots;
    std::span<const float> flat;
    TrainedModules modules;
};

/// Writes both files into an existing folder, fp32. @throws Error{Target}
void writePeft(const std::filesystem::path& folder, const PeftContent& content);
/// An adapter alone.
void writePeft(const std::filesystem::path& folder, const formats::PeftConfig& config, std::span<const plan::AdapterSlot> slots,
               std::span<const float> flat);

/// Reads the folder back and compares every element. Returns the number of tensors. @throws Error{Internal} on a difference.
std::size_t verifyPeft(const std::filesystem::path& folder, const PeftContent& content);
/// An adapter alone.
std::size_t verifyPeft(const std::filesystem::path& folder, const ModelShape& shape, std::span<const plan::AdapterSlot> slots,
                       std::span<const float> flat);

}  // namespace lorikeet::lora
