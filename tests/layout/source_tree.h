// SPDX-License-Identifier: GPL-3.0-or-later
// The source tree as text, for the tests of the house rules: files, their includes, and code without comments and strings.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet::layout {

/// Path from the project's top with '/' -> content. Ordered, so that reports are stable.
using SourceTree = std::map<std::string, std::string>;

/// Reads every file below `root`/folder for each folder whose name ends with one of `endings` ("CMakeLists.txt" is an ending
/// too; "" takes all). Folders that do not exist are skipped.
[[nodiscard]] SourceTree readTree(const std::filesystem::path& root, const std::vector<std::string>& folders,
                                  const std::vector<std::string>& endings);

/// One #include line.
struct Include {
    int line = 0;
    std::string target;
    bool angled = false;  ///< <x> and not "x"
};
[[nodiscard]] std::vector<Include> includesOf(const std::string& text);

/// The same text with comments, string and character literals (raw ones too) replaced by spaces; line ends stay.
[[nodiscard]] std::string codeOnly(const std::string& text);

/// True when one of `endings` ends `name`.
[[nodiscard]] bool endsWithAny(std::string_view name, const std::vector<std::string>& endings);
/// True when one of `starts` starts `name`.
[[nodiscard]] bool startsWithAny(std::string_view name, const std::vector<std::string>& starts);

/// Number of lines of a text; a last line without line end counts.
[[nodiscard]] int lineCount(std::string_view text);

/// "a\nb\n" of {"a", "b"}, for messages of failed tests.
[[nodiscard]] std::string joined(const std::vector<std::string>& lines);

}  // namespace lorikeet::layout
