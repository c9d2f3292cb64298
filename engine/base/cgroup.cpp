// SPDX-License-Identifier: GPL-3.0-or-later
// Reads control group files. A limit anywhere between the group and the root counts, so every ancestor is looked at.
#include "engine/base/cgroup.h"

#include "engine/base/error.h"
#include "engine/base/files.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet {

namespace {

namespace fs = std::filesystem;

/// Version 1 writes "no limit" as the largest multiple of a page; nothing near it is a limit.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 60;

std::string textOf(const fs::path& path)
{
    try {
        return readTextFile(path, 1 << 20);
    } catch (const Error&) {
        return {};
    }
}

std::optional<std::uint64_t> numberIn(std::string_view text)
{
    std::uint64_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc())
        return std::nullopt;  // "max", "-1", nothing
    return value;
}

/// The value of "key value" in memory.stat, or 0.
std::uint64_t statValue(std::string_view text, std::string_view key)
{
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = text.substr(at, end - at);
        if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == ' ')
            return numberIn(line.substr(key.size() + 1)).value_or(0);
        at = end + 1;
    }
    return 0;
}

template <typename T>
void keepSmaller(std::optional<T>& kept, T value)
{
    kept = kept ? std::min(*kept, value) : value;
}

void addMemory(CgroupLimits& limits, std::uint64_t limit, std::uint64_t used, std::uint64_t droppable)
{
    if (limit >= kNoLimit)
        return;
    const std::uint64_t held = used - std::min(used, droppable);
    keepSmaller(limits.memoryBytes, limit);
    keepSmaller(limits.memoryAvailableBytes, limit - std::min(limit, held));
}

void addQuota(CgroupLimits& limits, std::optional<std::uint64_t> quota, std::optional<std::uint64_t> period)
{
    if (quota && period && *quota > 0 && *period > 0)
        keepSmaller(limits.processors, static_cast<double>(*quota) / static_cast<double>(*period));
}

void readVersion2(CgroupLimits& limits, const fs::path& group)
{
    if (const auto limit = numberIn(textOf(group / "memory.max"))) {
        const std::string stat = textOf(group / "memory.stat");
        const auto droppable = statValue(stat, "inactive_file") + statValue(stat, "active_file");
        addMemory(limits, *limit, numberIn(textOf(group / "memory.current")).value_or(0), droppable);
    }
    const std::string cpu = textOf(group / "cpu.max");
    if (const auto space = cpu.find(' '); space != std::string::npos)
        addQuota(limits, numberIn(cpu), numberIn(std::string_view(cpu).substr(space + 1)));
}

void readMemoryVersion1(CgroupLimits& limits, const fs::path& group)
{
    if (const auto limit = numberIn(textOf(group / "memory.limit_in_bytes"))) {
        const std::string stat = textOf(group / "memory.stat");
        const auto droppable = statValue(stat, "total_inactive_file") + statValue(stat, "total_active_file");
        addMemory(limits, *limit, numberIn(textOf(group / "memory.usage_in_bytes")).value_or(0), droppable);
    }
}

void readProcessorsVersion1(CgroupLimits& limits, const fs::path& group)
{
    addQuota(limits, numberIn(textOf(group / "cpu.cfs_quota_us")), numberIn(textOf(group / "cpu.cfs_period_us")));
}

/// Calls `read` with the group's folder and each of its ancestors up to the mount.
template <typename Read>
void climb(CgroupLimits& limits, const fs::path& mount, std::string_view group, Read read)
{
    fs::path inside = fs::path(group).relative_path();
    for (;; inside = inside.parent_path()) {
        read(limits, inside.empty() ? mount : mount / inside);
        if (inside.empty())
            return;
    }
}

bool hasController(std::string_view list, std::string_view name)
{
    return ("," + std::string(list) + ",").find("," + std::string(name) + ",") != std::string::npos;
}

}  // namespace

CgroupLimits readCgroupLimits(const fs::path& root)
{
    CgroupLimits limits;
    const std::string groups = textOf(root / "proc/self/cgroup");
    const fs::path mount = root / "sys/fs/cgroup";
    for (std::size_t at = 0; at < groups.size();) {
        // One line is "hierarchy:controller,controller:/group"; version 2 has hierarchy 0 and no controllers.
        const std::size_t end = std::min(groups.find('\n', at), groups.size());
        const std::string_view line = std::string_view(groups).substr(at, end - at);
        at = end + 1;
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
        if (second == std::string_view::npos)
            continue;
        const std::string_view controllers = line.substr(first + 1, second - first - 1);
        const std::string_view group = line.substr(second + 1);
        if (controllers.empty())
            climb(limits, mount, group, readVersion2);
        if (hasController(controllers, "memory"))
            climb(limits, mount / "memory", group, readMemoryVersion1);
        if (hasController(controllers, "cpu"))
            climb(limits, mount / "cpu", group, readProcessorsVersion1);
    }
    return limits;
}

}  // namespace lorikeet
