// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/kernels/copy_lane.h"
#include "engine/kernels/cpu/tables.h"

#include <array>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

namespace lorikeet::kernels {

namespace {

// More than the parts of one layer, so that asking rarely waits.
constexpr std::uint64_t kAhead = 64;

/// On a CPU ops are done when they return, so following them is free. Sequence numbers count copies: asked for, and done.
class CpuCopyLane final : public CopyLane {
public:
    CpuCopyLane() : m_thread([this](const std::stop_token& stop) { work(stop); }) {}
    ~CpuCopyLane() override { waitFor(m_asked); }
    CpuCopyLane(const CpuCopyLane&) = delete;
    CpuCopyLane& operator=(const CpuCopyLane&) = delete;

    void follow() override {}
    void toHost(void* to, const Mat& from) override { ask(to, from.data, from.bytes()); }
    void toDevice(const Mat& to, const void* from) override { ask(to.data, from, to.bytes()); }
    [[nodiscard]] Ticket mark() override { return m_asked; }
    void waitFor(Ticket ticket) override
    {
        std::unique_lock lock(m_mutex);
        m_changed.wait(lock, [&] { return m_done >= ticket; });
    }
    void pin(void*, std::uint64_t) override {}

private:
    struct Copy {
        void* to = nullptr;
        const void* from = nullptr;
        std::uint64_t bytes = 0;
    };

    void ask(void* to, const void* from, std::uint64_t bytes)
    {
        std::unique_lock lock(m_mutex);
        m_changed.wait(lock, [&] { return m_asked - m_done < kAhead; });
        m_ring[m_asked % kAhead] = {to, from, bytes};
        ++m_asked;
        lock.unlock();
        m_changed.notify_all();
    }

    void work(const std::stop_token& stop)
    {
        std::unique_lock lock(m_mutex);
        while (m_changed.wait(lock, stop, [&] { return m_done < m_asked; })) {
            const Copy copy = m_ring[m_done % kAhead];
            lock.unlock();
            std::memcpy(copy.to, copy.from, copy.bytes);
            lock.lock();
            ++m_done;
            m_changed.notify_all();
        }
    }

    std::mutex m_mutex;
    std::condition_variable_any m_changed;
    std::array<Copy, kAhead> m_ring;
    Ticket m_asked = 0;  ///< written by the asking thread only, under the mutex
    Ticket m_done = 0;
    std::jthread m_thread;  ///< last: it uses the others
};

}  // namespace

CopyLane* makeCpuCopyLane(Context&) { return std::make_unique<CpuCopyLane>().release(); }

}  // namespace lorikeet::kernels
