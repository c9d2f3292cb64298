// SPDX-License-Identifier: GPL-3.0-or-later
// Where jobs live: in files the user chose, or in the program's own folder; never in files that belong to somebody else.
#pragma once

#include <filesystem>
#include <string>

namespace lorikeet::ui {

/// Whether changes of a job may be written to this file: not below `bundledFolder` (what comes with the program; empty: none), not
/// where the file says "read only", not where its folder takes no new files. A file that is not there yet is judged by its folder.
[[nodiscard]] bool mayWriteJob(const std::filesystem::path& file, const std::filesystem::path& bundledFolder);

/// A file in the program's own folder that is not there yet: "starter.lorikeet.json", "starter-2.lorikeet.json" ...
[[nodiscard]] std::filesystem::path newJobFile(const std::string& stem);

/// "starter" of ".../starter.lorikeet.json".
[[nodiscard]] std::string stemOfJob(const std::filesystem::path& file);

}  // namespace lorikeet::ui
