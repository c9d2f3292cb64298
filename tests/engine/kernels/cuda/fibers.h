// SPDX-License-Identifier: GPL-3.0-or-later
// The threads of one block as fibers (POSIX contexts), with block barriers, warp barriers and an exchange between lanes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace lorikeet::test {

struct Index {
    unsigned x = 0;
};

/// The block that runs. One at a time in the process.
class FiberBlock {
public:
    FiberBlock(unsigned threads, std::size_t sharedBytes);
    ~FiberBlock();
    FiberBlock(const FiberBlock&) = delete;
    FiberBlock& operator=(const FiberBlock&) = delete;

    /// Runs `body` once per thread until all have returned. @throws Error{Internal} when threads wait for one another for ever.
    void run(Index block, Index grid, const std::function<void()>& body);

    [[nodiscard]] Index threadIndex() const noexcept { return {m_current}; }
    [[nodiscard]] Index blockIndex() const noexcept { return m_block; }
    [[nodiscard]] Index blockSize() const noexcept;
    [[nodiscard]] Index gridSize() const noexcept { return m_grid; }
    [[nodiscard]] std::byte* shared() noexcept { return reinterpret_cast<std::byte*>(m_shared.data()); }

    /// All threads of the block that have not returned.
    void blockBarrier();
    /// All 32 lanes of the warp: a lane that has returned is an error.
    void warpBarrier();
    /// Gives `word` to the warp and takes the word of `lane`.
    [[nodiscard]] std::uint64_t exchange(std::uint64_t word, int lane);

private:
    enum class State { Ready, AtBlock, AtWarp, Done };
    struct Fiber;
    void wait(State state);
    void enter();
    static void start();
    /// Threads whose barrier is complete become ready. False when none did.
    bool releaseBlock();
    bool releaseWarps();

    std::vector<std::unique_ptr<Fiber>> m_fibers;
    std::vector<std::uint64_t> m_words;   ///< what each lane offers
    std::vector<std::uint64_t> m_shared;  ///< 8-byte words, for alignment
    std::unique_ptr<Fiber> m_scheduler;
    const std::function<void()>* m_body = nullptr;
    unsigned m_current = 0;
    Index m_block;
    Index m_grid;
};

[[nodiscard]] FiberBlock& fiberBlock();

/// All blocks of a grid, one after the other.
void runGrid(unsigned grid, unsigned threads, std::size_t sharedBytes, const std::function<void()>& body);

}  // namespace lorikeet::test
