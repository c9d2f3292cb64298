// SPDX-License-Identifier: GPL-3.0-or-later
// Interval packing: gives every buffer its offset so that no two that live at once overlap. Deterministic.
#include "engine/plan/builder.h"

#include "engine/base/check.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <utility>

namespace lorikeet::plan {

namespace {

constexpr std::uint64_t kAlignment = 256;  // what CUDA libraries and 64-byte vector loads both like

std::uint64_t aligned(std::uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/// Buffers of one lifetime, packed as one block: they never have to leave room for one another.
struct Unit {
    PointIndex first = 0;
    PointIndex last = 0;
    std::uint64_t bytes = 0;
    std::uint64_t offset = 0;
};

/// The units of one space, and which of them each buffer of the plan is in (kNoUnit: another space).
struct Units {
    std::vector<Unit> list;
    std::vector<std::size_t> ofBuffer;
};
constexpr std::size_t kNoUnit = ~std::size_t{0};

Units makeUnits(const MemoryPlan& plan, Space space, std::uint64_t guardBytes)
{
    std::unordered_map<std::uint64_t, std::size_t> byLife;
    Units units;
    units.ofBuffer.assign(plan.buffers.size(), kNoUnit);
    for (std::size_t i = 0; i < plan.buffers.size(); ++i) {
        const Buffer& buffer = plan.buffers[i];
        if (buffer.space != space)
            continue;
        const std::uint64_t life = static_cast<std::uint64_t>(buffer.first) << 32 | static_cast<std::uint64_t>(buffer.last);
        const auto [it, isNew] = byLife.try_emplace(life, units.list.size());
        if (isNew)
            units.list.push_back({buffer.first, buffer.last, 0, 0});
        units.list[it->second].bytes += aligned(buffer.bytes + guardBytes);
        units.ofBuffer[i] = it->second;
    }
    return units;
}

/// Lowest gap between the placed units that overlap in time. `placed` is sorted by offset.
std::uint64_t lowestGap(const std::vector<const Unit*>& placed, const Unit& unit)
{
    std::uint64_t offset = 0;
    for (const Unit* other : placed) {
        if (other->last < unit.first || other->first > unit.last)
            continue;
        if (other->offset >= offset + unit.bytes)
            break;
        offset = std::max(offset, other->offset + other->bytes);
    }
    return offset;
}

template <typename Before>
std::uint64_t place(std::vector<Unit>& units, Before before)
{
    std::vector<std::size_t> order(units.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return before(units[a], units[b]); });
    std::vector<const Unit*> placed;
    std::uint64_t top = 0;
    for (const std::size_t index : order) {
        Unit& unit = units[index];
        unit.offset = lowestGap(placed, unit);
        top = std::max(top, unit.offset + unit.bytes);
        const auto at = std::upper_bound(placed.begin(), placed.end(), unit.offset,
                                         [](std::uint64_t offset, const Unit* other) { return offset < other->offset; });
        placed.insert(at, &unit);
    }
    return top;
}

/// Two greedy orders, the better one kept: long lives first suits nested activations, large ones first suits scratch.
std::uint64_t placeBest(std::vector<Unit>& units)
{
    const auto longFirst = [](const Unit& a, const Unit& b) {
        const auto lifeA = a.last - a.first;
        const auto lifeB = b.last - b.first;
        return lifeA != lifeB ? lifeA > lifeB : a.bytes > b.bytes;
    };
    const auto largeFirst = [](const Unit& a, const Unit& b) { return a.bytes > b.bytes; };
    std::vector<Unit> other = units;
    const std::uint64_t byLife = place(units, longFirst);
    const std::uint64_t bySize = place(other, largeFirst);
    if (bySize < byLife)
        units = std::move(other);
    return std::min(byLife, bySize);
}

/// In each unit its buffers follow one another in the order of the plan.
void assignOffsets(MemoryPlan& plan, const Units& units, std::uint64_t guardBytes)
{
    std::vector<std::uint64_t> next;
    next.reserve(units.list.size());
    for (const Unit& unit : units.list)
        next.push_back(unit.offset);
    for (std::size_t i = 0; i < plan.buffers.size(); ++i) {
        if (units.ofBuffer[i] == kNoUnit)
            continue;
        Buffer& buffer = plan.buffers[i];
        std::uint64_t& offset = next[units.ofBuffer[i]];
        buffer.offset = offset;
        offset += aligned(buffer.bytes + guardBytes);
    }
}

/// Largest sum of live bytes over the points, by a sweep over births and deaths.
void findPeak(MemoryPlan& plan)
{
    std::vector<std::int64_t> change(plan.program.points.size() + 1, 0);
    for (const Buffer& buffer : plan.buffers) {
        if (buffer.space != Space::Device)
            continue;
        change[static_cast<std::size_t>(buffer.first)] += static_cast<std::int64_t>(buffer.bytes);
        change[static_cast<std::size_t>(buffer.last) + 1] -= static_cast<std::int64_t>(buffer.bytes);
    }
    std::int64_t live = 0;
    std::int64_t most = -1;
    for (std::size_t point = 0; point + 1 < change.size(); ++point) {
        live += change[point];
        if (live > most) {
            most = live;
            plan.peakPoint = static_cast<PointIndex>(point);
        }
    }
    plan.lowerBoundBytes = static_cast<std::uint64_t>(most);
}

}  // namespace

void packBuffers(MemoryPlan& plan, std::uint64_t guardBytes)
{
    Units device = makeUnits(plan, Space::Device, guardBytes);
    plan.arenaBytes = placeBest(device.list);
    assignOffsets(plan, device, guardBytes);
    Units host = makeUnits(plan, Space::Host, guardBytes);
    plan.hostBytes = host.list.empty() ? 0 : placeBest(host.list);
    assignOffsets(plan, host, guardBytes);
    findPeak(plan);
    LORIKEET_CHECK(plan.arenaBytes >= plan.lowerBoundBytes, "packing lost a buffer");
}

}  // namespace lorikeet::plan
