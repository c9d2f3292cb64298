// SPDX-License-Identifier: GPL-3.0-or-later
// Words for refusals of the file system, the same on every system: "cannot write X: No space left on device (free some ...)".
#pragma once

#include "engine/base/error.h"

#include <filesystem>
#include <string_view>
#include <system_error>

namespace lorikeet {

/// Error{Target}: `action` is what was tried ("write", "create the folder", "replace"). The hint follows from the reason.
[[nodiscard]] Error targetError(std::string_view action, const std::filesystem::path& path, const std::error_code& reason);

/// Error{BadInput} for a file that cannot be opened or read.
[[nodiscard]] Error inputError(std::string_view action, const std::filesystem::path& path, const std::error_code& reason);

}  // namespace lorikeet
