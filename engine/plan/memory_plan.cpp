// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/plan/memory_plan.h"

#include "engine/base/check.h"
#include "engine/base/units.h"

#include <algorithm>

namespace lorikeet::plan {

std::string_view nameOf(Category category) noexcept
{
    switch (category) {
    case Category::Weights: return "weights";
    case Category::Activations: return "activations";
    case Category::Gradients: return "gradients";
    case Category::Optimizer: return "optimizer";
    case Category::Buffers: return "buffers";
    }
    return "?";
}

std::string_view nameOf(Verdict verdict) noexcept
{
    switch (verdict) {
    case Verdict::Fits: return "fits";
    case Verdict::Tight: return "tight";
    case Verdict::DoesNotFit: return "does not fit";
    }
    return "?";
}

std::string roomText(std::uint64_t deviceBytes, std::uint64_t hostBytes, const Room& room)
{
    if (deviceBytes > room.device)
        return formatBytes(deviceBytes - room.device) + " too much";
    if (!room.shared && room.host > 0 && hostBytes > room.host)
        return formatBytes(hostBytes - room.host) + " of host memory too much";
    const std::uint64_t needed = deviceBytes + (room.shared ? hostBytes : 0);
    if (needed > room.device)
        return formatBytes(needed - room.device) + " too much with the " + formatBytes(hostBytes) + " that wait in the same memory";
    return formatBytes(room.device - needed) + " stay free";
}

Dims::Dims(std::initializer_list<std::int64_t> sizes) : m_count(sizes.size())
{
    LORIKEET_CHECK(sizes.size() <= m_sizes.size(), "a buffer has one or two dimensions");
    std::ranges::copy(sizes, m_sizes.begin());
}

std::int64_t Buffer::elements() const noexcept
{
    std::int64_t count = 1;
    for (const std::int64_t dim : shape)
        count *= dim;
    return count;
}

const Buffer& MemoryPlan::buffer(BufferId id) const
{
    LORIKEET_CHECK(id >= 0 && static_cast<std::size_t>(id) < buffers.size(), "this job has no such buffer");
    return buffers[static_cast<std::size_t>(id)];
}

CategoryBytes MemoryPlan::liveAt(PointIndex point) const
{
    CategoryBytes bytes{};
    for (const Buffer& b : buffers)
        if (b.space == Space::Device && b.first <= point && point <= b.last)
            bytes[static_cast<std::size_t>(b.category)] += b.bytes;
    return bytes;
}

}  // namespace lorikeet::plan
