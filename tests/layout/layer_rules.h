// SPDX-License-Identifier: GPL-3.0-or-later
// "Dependency direction" as data, and who may include which foreign headers; returns every edge that is not allowed.
#pragma once

#include "tests/layout/source_tree.h"

#include <string>
#include <vector>

namespace lorikeet::layout {

/// The room of a file: "base" for engine/base/x.h, "ui", "app", or "" for what lies elsewhere.
[[nodiscard]] std::string roomOf(const std::string& path);

/// True when files of room `from` may include files of room `to` (a room may include itself).
[[nodiscard]] bool mayUse(const std::string& from, const std::string& to);

/// True for a room of the table.
[[nodiscard]] bool isRoom(const std::string& name);

/// True for the rooms in which no file may reach LibTorch, not even through another header.
[[nodiscard]] bool isTorchFree(const std::string& room);

/// True for ATen/, c10/, torch/ and what comes with them.
[[nodiscard]] bool isTorchHeader(const std::string& target);

/// Everything wrong with the includes of `tree`, one sentence per edge: "engine/a/b.cpp:3: ...".
[[nodiscard]] std::vector<std::string> includeViolations(const SourceTree& tree);

/// The files of the tree that `path` includes, directly or through others, itself first.
[[nodiscard]] std::vector<std::string> reachableFrom(const SourceTree& tree, const std::string& path);

}  // namespace lorikeet::layout
