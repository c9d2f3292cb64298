// SPDX-License-Identifier: GPL-3.0-or-later
// What the adapter of a run started from, where the end of the run is worth nothing without it (PiSSA): start.safetensors in the run folder.
#pragma once

#include <filesystem>
#include <span>
#include <string>

namespace lorikeet::train {

/// Writes the flat masters; returns the file's SHA-256. @throws Error{Target}
[[nodiscard]] std::string writeStart(const std::filesystem::path& runFolder, std::span<const float> masters);
/// @throws Error{BadInput} when the file is missing, has another hash or another length.
void readStart(const std::filesystem::path& runFolder, const std::string& sha256, std::span<float> masters);

}  // namespace lorikeet::train
