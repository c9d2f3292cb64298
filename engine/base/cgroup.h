// SPDX-License-Identifier: GPL-3.0-or-later
// The limits that a container or a service manager puts on this process (Linux control groups, versions 1 and 2; kernel
// documentation: admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace lorikeet {

/// What the control groups allow; an empty value means no limit.
struct CgroupLimits {
    std::optional<std::uint64_t> memoryBytes;           ///< smallest limit on the way up
    std::optional<std::uint64_t> memoryAvailableBytes;  ///< smallest limit minus use; file cache that can be dropped counts as free
    std::optional<double> processors;                   ///< smallest quota / period
};

/// Reads the groups of this process. `root` is "/"; tests pass a folder with `proc/self/cgroup` and `sys/fs/cgroup`. What
/// cannot be read is no limit.
[[nodiscard]] CgroupLimits readCgroupLimits(const std::filesystem::path& root);

}  // namespace lorikeet
