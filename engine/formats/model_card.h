// SPDX-License-Identifier: GPL-3.0-or-later
// The one field that is wanted of a model card: the licence in the front matter of README.md.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace lorikeet::formats {

/// `license:` of the front matter between two "---" lines; `license_name:` where it says "other". Nothing when the card does not say.
[[nodiscard]] std::optional<std::string> licenceOfCardText(std::string_view text);

/// The same from the first 64 KiB of a file; nothing when there is no readable file.
[[nodiscard]] std::optional<std::string> licenceOfModelCard(const std::filesystem::path& path);

}  // namespace lorikeet::formats
