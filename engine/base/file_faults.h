// SPDX-License-Identifier: GPL-3.0-or-later
// A seam for tests: lets a disk fail, or a process die, at any step of an atomic write. Nothing else uses it.
#pragma once

#include <filesystem>
#include <system_error>

namespace lorikeet {

/// The steps of a write at which the outside world can interfere, in the order in which AtomicFile and AtomicFolder take them.
enum class FileStep { Create, Write, Sync, Replace, SyncFolder, RemoveOld };

/// Called before a step; an error makes the step fail with this reason instead of being tried. May end the process.
using FileFault = std::error_code (*)(FileStep step, const std::filesystem::path& path);

/// Sets the process-wide fault; nullptr (the default) means none.
void setFileFault(FileFault fault) noexcept;

/// The error that the fault wants for this step, or none.
[[nodiscard]] std::error_code faultAt(FileStep step, const std::filesystem::path& path);

}  // namespace lorikeet
