// SPDX-License-Identifier: GPL-3.0-or-later
// The plan made real: one arena of exactly the planned size, and the matrices in it.
#pragma once

#include "engine/base/system.h"
#include "engine/plan/memory_plan.h"
#include "engine/tensor/mat.h"

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace lorikeet::model {

using tensor::Mat;

/// Memory of a device behind one pointer. The CPU's is a PageBlock; the CUDA plug-in brings its own.
class DeviceArena {
public:
    virtual ~DeviceArena() = default;
    [[nodiscard]] virtual std::byte* data() const = 0;
    [[nodiscard]] virtual std::uint64_t bytes() const = 0;
    /// True where `data` can be read and written by the CPU.
    [[nodiscard]] virtual bool isHost() const { return true; }
};

/// Touched host memory. @throws Error{DoesNotFit}, Error{Cancelled}
[[nodiscard]] std::unique_ptr<DeviceArena> makeHostArena(std::uint64_t bytes, const std::stop_token& stop = {});

/// Hands out the planned buffers and keeps account of them. Belongs to the run's thread.
///
/// Checking mode (CPU only): what is not live at a program point is filled with a NaN pattern, guard bytes behind every buffer are
/// verified, and at the end of its life every buffer is searched for elements that were never written.
class PlannedMemory {
public:
    /// `plan` must outlive it.
    PlannedMemory(const plan::MemoryPlan& plan, std::unique_ptr<DeviceArena> arena, std::uint64_t guardBytes);
    PlannedMemory(const PlannedMemory&) = delete;
    PlannedMemory& operator=(const PlannedMemory&) = delete;

    [[nodiscard]] const plan::MemoryPlan& plan() const noexcept { return m_plan; }
    /// The buffer as [rows, cols] of its planned shape; an empty Mat for plan::kNone.
    [[nodiscard]] Mat mat(plan::BufferId id);
    /// Its first `rows` rows.
    [[nodiscard]] Mat mat(plan::BufferId id, std::int64_t rows);

    /// Checking mode: no buffer alive was written behind its end. @throws Error{Internal}
    void verifyGuards() const;
    /// The run is over: every buffer dies. @throws Error{Internal} in checking mode when a guard was overwritten.
    void leave();
    /// The run reaches a program point. @throws Error{Internal} in checking mode when a guard was overwritten.
    void enter(plan::PointIndex point);
    [[nodiscard]] plan::PointIndex point() const noexcept { return m_point; }

    /// Bytes by category of the buffers that were handed out so far and are live at the current point.
    [[nodiscard]] CategoryBytes liveBytes() const;
    /// The largest liveBytes() (by their sum) of any point passed since the last call.
    [[nodiscard]] CategoryBytes takePeakBytes();
    [[nodiscard]] std::uint64_t arenaBytes() const noexcept { return m_arena->bytes(); }
    /// Of the arena in host memory; 0 where nothing is offloaded.
    [[nodiscard]] std::uint64_t hostBytes() const noexcept { return m_hostArena ? m_hostArena->bytes() : 0; }
    [[nodiscard]] std::byte* hostMemory() const { return m_hostArena ? m_hostArena->data() : nullptr; }
    /// Names of buffers that were never handed out.
    [[nodiscard]] std::vector<std::string> unused() const;
    /// Checking mode: buffers of which some element was not written in some life, "name: n of m elements".
    [[nodiscard]] std::vector<std::string> unwritten() const;

private:
    void notePeak();
    void requireGuard(const plan::Buffer& buffer) const;
    void birth(std::size_t index);
    void death(std::size_t index);
    [[nodiscard]] std::byte* address(const plan::Buffer& buffer) const
    {
        return (buffer.space == plan::Space::Host ? *m_hostArena : *m_arena).data() + buffer.offset;
    }

    const plan::MemoryPlan& m_plan;
    std::unique_ptr<DeviceArena> m_arena;
    std::unique_ptr<DeviceArena> m_hostArena;  ///< where the plan has host buffers
    std::uint64_t m_guardBytes = 0;
    plan::PointIndex m_point = -1;
    CategoryBytes m_peak{};
    std::vector<bool> m_handedOut;
    std::vector<bool> m_live;                    ///< checking mode only
    std::vector<std::int64_t> m_unwrittenMost;   ///< per buffer, checking mode only
};

}  // namespace lorikeet::model
