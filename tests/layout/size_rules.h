// SPDX-License-Identifier: GPL-3.0-or-later
// The size budget: lines of files, headers and functions.
#pragma once

#include "tests/layout/source_tree.h"

#include <optional>
#include <string>
#include <vector>

namespace lorikeet::layout {

/// A function body of a C++ source.
struct Function {
    std::string name;
    int firstLine = 0;  ///< where the declaration starts
    int lines = 0;      ///< to the closing brace
};

/// The functions of a source, lambdas and local classes counted with the function around them. Nothing when the braces do not
/// match whatever branches of the preprocessor are taken.
[[nodiscard]] std::optional<std::vector<Function>> functionsOf(const std::string& text);

struct SizeReport {
    std::vector<std::string> violations;
    std::vector<std::string> notes;  ///< files over 400 lines and functions over 40: they want a reason
};

/// Checks every file of `tree`. `generated` names the tables that a script made: they may be long, but must say so on top.
[[nodiscard]] SizeReport checkSizes(const SourceTree& tree, const std::vector<std::string>& generated);

}  // namespace lorikeet::layout
