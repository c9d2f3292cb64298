// SPDX-License-Identifier: GPL-3.0-or-later
// What an export may replace: an export, and nothing else. A user's folder is never removed because its name was given.
#pragma once

#include <filesystem>
#include <span>

namespace lorikeet::exporting {

/// Passes where nothing lies at `target`, and where `replaceExisting` and the folder is empty or holds only files that an export writes.
/// The folder may be, or hold, none of `kept` (the run, its model and its data), nor the working folder.
/// @throws Error{Target} naming what stands in the way
void requireReplaceable(const std::filesystem::path& target, bool replaceExisting, std::span<const std::filesystem::path> kept);

}  // namespace lorikeet::exporting
