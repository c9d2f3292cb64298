// SPDX-License-Identifier: GPL-3.0-or-later
// How data files are named, for open dialogs and for whoever asks what a path is; engine/data says what each ending means.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet {

/// ".jsonl", ".csv", ...; one of compressedEndings() may stand behind each of them.
[[nodiscard]] std::span<const std::string_view> rowFileEndings() noexcept;
/// ".gz", ".zst".
[[nodiscard]] std::span<const std::string_view> compressedEndings() noexcept;
/// All of them: ".jsonl", ".jsonl.gz", ".jsonl.zst", ".csv", ...
[[nodiscard]] std::vector<std::string> dataFileEndings();

}  // namespace lorikeet
