// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/planned_memory.h"

#include "engine/base/check.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

namespace lorikeet::model {

namespace {

// A quiet NaN in fp32, in the two bf16 halves of it and in fp64; no computation makes this payload.
constexpr std::uint16_t kPattern = 0x7FE5;
constexpr std::byte kGuard{0xC5};

class HostArena final : public DeviceArena {
public:
    HostArena(std::uint64_t bytes, const std::stop_token& stop) : m_block(bytes, stop) {}
    [[nodiscard]] std::byte* data() const override { return m_block.data(); }
    [[nodiscard]] std::uint64_t bytes() const override { return m_block.size(); }

private:
    PageBlock m_block;
};

void fillPattern(std::byte* data, std::uint64_t bytes)
{
    for (std::uint64_t i = 0; i + 1 < bytes; i += 2)
        std::memcpy(data + i, &kPattern, sizeof kPattern);
}

std::int64_t countPattern(const std::byte* data, std::int64_t elements, std::uint64_t size)
{
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < elements; ++i) {
        bool untouched = true;
        for (std::uint64_t half = 0; half < size; half += 2) {
            std::uint16_t word;
            std::memcpy(&word, data + static_cast<std::uint64_t>(i) * size + half, sizeof word);
            untouched = untouched && word == kPattern;
        }
        count += untouched ? 1 : 0;
    }
    return count;
}

}  // namespace

std::unique_ptr<DeviceArena> makeHostArena(std::uint64_t bytes, const std::stop_token& stop) { return std::make_unique<HostArena>(bytes, stop); }

PlannedMemory::PlannedMemory(const plan::MemoryPlan& plan, std::unique_ptr<DeviceArena> arena, std::uint64_t guardBytes)
    : m_plan(plan), m_arena(std::move(arena)), m_guardBytes(guardBytes), m_handedOut(plan.buffers.size(), false)
{
    LORIKEET_CHECK(m_arena->bytes() >= plan.arenaBytes, "the arena is smaller than the plan");
    if (plan.hostBytes > 0)
        m_hostArena = makeHostArena(plan.hostBytes);
    if (m_guardBytes == 0)
        return;
    LORIKEET_CHECK(m_arena->isHost(), "the checking mode looks into the arena: CPU only");
    m_live.assign(plan.buffers.size(), false);
    m_unwrittenMost.assign(plan.buffers.size(), 0);
    fillPattern(m_arena->data(), m_arena->bytes());
    if (m_hostArena)
        fillPattern(m_hostArena->data(), m_hostArena->bytes());
}

Mat PlannedMemory::mat(plan::BufferId id)
{
    if (id == plan::kNone)
        return {};
    const plan::Buffer& buffer = m_plan.buffer(id);
    m_handedOut[static_cast<std::size_t>(id)] = true;
    const bool isRow = buffer.shape.size() == 1;
    return {address(buffer), buffer.dtype, isRow ? 1 : buffer.shape[0], isRow ? buffer.shape[0] : buffer.shape[1]};
}

Mat PlannedMemory::mat(plan::BufferId id, std::int64_t rows)
{
    const Mat whole = mat(id);
    if (!whole)
        return whole;
    LORIKEET_CHECK(rows <= whole.rows, m_plan.buffer(id).name + " has " + std::to_string(whole.rows) + " rows, asked for " + std::to_string(rows));
    return whole.head(rows);
}

void PlannedMemory::enter(plan::PointIndex point)
{
    notePeak();
    m_point = point;
    if (m_guardBytes == 0)
        return;
    const auto isLive = [&](const plan::Buffer& buffer) { return buffer.first <= point && point <= buffer.last; };
    for (std::size_t i = 0; i < m_plan.buffers.size(); ++i)
        if (m_live[i] && !isLive(m_plan.buffers[i]))
            death(i);
    for (std::size_t i = 0; i < m_plan.buffers.size(); ++i)
        if (!m_live[i] && isLive(m_plan.buffers[i]))
            birth(i);
}

void PlannedMemory::requireGuard(const plan::Buffer& buffer) const
{
    const std::byte* guard = address(buffer) + buffer.bytes;
    LORIKEET_CHECK(std::all_of(guard, guard + m_guardBytes, [](std::byte b) { return b == kGuard; }),
                   "something wrote behind the end of " + buffer.name);
}

void PlannedMemory::verifyGuards() const
{
    for (std::size_t i = 0; i < m_live.size(); ++i)
        if (m_live[i])
            requireGuard(m_plan.buffers[i]);
}

void PlannedMemory::leave()
{
    for (std::size_t i = 0; i < m_live.size(); ++i)
        if (m_live[i])
            death(i);
}

void PlannedMemory::birth(std::size_t index)
{
    const plan::Buffer& buffer = m_plan.buffers[index];
    m_live[index] = true;
    fillPattern(address(buffer), buffer.bytes);
    std::fill_n(address(buffer) + buffer.bytes, m_guardBytes, kGuard);
}

void PlannedMemory::death(std::size_t index)
{
    const plan::Buffer& buffer = m_plan.buffers[index];
    m_live[index] = false;
    requireGuard(buffer);
    // Library scratch is written as the library likes.
    if (buffer.dtype != DType::U8)
        m_unwrittenMost[index] = std::max(m_unwrittenMost[index], countPattern(address(buffer), buffer.elements(), bytesOf(buffer.dtype)));
    fillPattern(address(buffer), buffer.bytes);
}

CategoryBytes PlannedMemory::liveBytes() const
{
    CategoryBytes bytes{};
    for (std::size_t i = 0; i < m_plan.buffers.size(); ++i) {
        const plan::Buffer& buffer = m_plan.buffers[i];
        if (m_handedOut[i] && buffer.space == plan::Space::Device && buffer.first <= m_point && m_point <= buffer.last)
            bytes[static_cast<std::size_t>(buffer.category)] += buffer.bytes;
    }
    return bytes;
}

void PlannedMemory::notePeak()
{
    const auto total = [](const CategoryBytes& bytes) { return std::accumulate(bytes.begin(), bytes.end(), std::uint64_t{0}); };
    const CategoryBytes live = liveBytes();
    if (total(live) > total(m_peak))
        m_peak = live;
}

CategoryBytes PlannedMemory::takePeakBytes()
{
    notePeak();
    return std::exchange(m_peak, {});
}

std::vector<std::string> PlannedMemory::unused() const
{
    std::vector<std::string> names;
    for (std::size_t i = 0; i < m_plan.buffers.size(); ++i)
        if (!m_handedOut[i])
            names.push_back(m_plan.buffers[i].name);
    return names;
}

std::vector<std::string> PlannedMemory::unwritten() const
{
    std::vector<std::string> names;
    for (std::size_t i = 0; i < m_unwrittenMost.size(); ++i)
        if (m_unwrittenMost[i] > 0)
            names.push_back(m_plan.buffers[i].name + ": " + std::to_string(m_unwrittenMost[i]) + " of "
                            + std::to_string(m_plan.buffers[i].elements()) + " elements");
    return names;
}

}  // namespace lorikeet::model
