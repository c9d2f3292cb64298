// SPDX-License-Identifier: GPL-3.0-or-later
// The same layers in the build: link edges of the CMakeLists.txt files, and what the generated build.ninja really passes.
#pragma once

#include "tests/layout/source_tree.h"

#include <string>
#include <vector>

namespace lorikeet::layout {

/// Everything wrong with the link lines of `tree` (path of a CMakeLists.txt -> text).
[[nodiscard]] std::vector<std::string> linkViolations(const SourceTree& tree);

/// Counts of what ninjaViolations looked at, so that a test can refuse to pass on nothing.
struct NinjaSeen {
    int objects = 0;
    int programs = 0;
};

/// Everything wrong with the include folders and libraries of a build.ninja: LibTorch's folder in a room without LibTorch, Qt in
/// the engine, Qt in lorikeet-cli, CUDA libraries in a program. `sourceRoot` is the project's top as it stands in the file.
[[nodiscard]] std::vector<std::string> ninjaViolations(const std::string& text, const std::string& sourceRoot, NinjaSeen& seen);

/// Sources that the build writes itself (embedded texts) and compiles into objects whose path contains one of `folders`, as they
/// stand in the build.ninja: relative to the build folder.
[[nodiscard]] std::vector<std::string> generatedSources(const std::string& text, const std::string& sourceRoot,
                                                        const std::vector<std::string>& folders);

}  // namespace lorikeet::layout
