// SPDX-License-Identifier: GPL-3.0-or-later
// The end of every export: the folder is proven, its files are listed, and only then is it put in place.
#pragma once

#include "engine/base/files.h"
#include "engine/base/progress.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace lorikeet::exporting {

struct WrittenFolder {
    std::vector<std::string> files;
    std::uint64_t bytes = 0;
    std::size_t tensors = 0;  ///< read back and found equal
    std::string sha256;       ///< of the file with the weights
};

/// May prove more about the folder before it is put in place; what it throws keeps the target untouched.
using FolderCheck = std::function<void(const std::filesystem::path&)>;

/// `weights` names the file whose hash is told, `tensors` says how many of it have been read back and found equal.
/// @throws Error{Target}, Error{Cancelled} until the folder is in place.
WrittenFolder putInPlace(AtomicFolder& folder, const char* weights, std::size_t tensors, const std::stop_token& stop, const FolderCheck& check);

}  // namespace lorikeet::exporting
