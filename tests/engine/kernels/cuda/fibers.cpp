// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/engine/kernels/cuda/fibers.h"

#include "engine/base/check.h"

#include <ucontext.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace lorikeet::test {

namespace {

constexpr std::size_t kStackBytes = 64 << 10;
constexpr unsigned kWarpSize = 32;
/// Shared memory starts as garbage, as on a device.
constexpr std::uint64_t kGarbage = 0x7FE57FE57FE57FE5;

FiberBlock* g_block = nullptr;

}  // namespace

struct FiberBlock::Fiber {
    ucontext_t context{};
    std::vector<std::byte> stack;
    State state = State::Ready;
    std::exception_ptr failure;
};

FiberBlock::FiberBlock(unsigned threads, std::size_t sharedBytes)
    : m_words(threads), m_shared((sharedBytes + 7) / 8), m_scheduler(std::make_unique<Fiber>())
{
    LORIKEET_CHECK(threads > 0 && threads % kWarpSize == 0 && g_block == nullptr, "a block has whole warps, and one runs at a time");
    for (unsigned i = 0; i < threads; ++i) {
        m_fibers.push_back(std::make_unique<Fiber>());
        m_fibers.back()->stack.resize(kStackBytes);
    }
    g_block = this;
}

FiberBlock::~FiberBlock() { g_block = nullptr; }

Index FiberBlock::blockSize() const noexcept { return {static_cast<unsigned>(m_fibers.size())}; }

void FiberBlock::start() { g_block->enter(); }

void FiberBlock::enter()
{
    Fiber& own = *m_fibers[m_current];
    try {
        (*m_body)();
    } catch (...) {
        own.failure = std::current_exception();
    }
    own.state = State::Done;
    swapcontext(&own.context, &m_scheduler->context);
}

void FiberBlock::run(Index block, Index grid, const std::function<void()>& body)
{
    m_block = block;
    m_grid = grid;
    m_body = &body;
    std::fill(m_shared.begin(), m_shared.end(), kGarbage);
    for (auto& fiber : m_fibers) {
        getcontext(&fiber->context);
        fiber->context.uc_stack.ss_sp = fiber->stack.data();
        fiber->context.uc_stack.ss_size = fiber->stack.size();
        fiber->context.uc_link = nullptr;
        fiber->state = State::Ready;
        makecontext(&fiber->context, &FiberBlock::start, 0);
    }
    const auto isDone = [](const auto& fiber) { return fiber->state == State::Done; };
    do {
        for (m_current = 0; m_current < m_fibers.size(); ++m_current)
            if (m_fibers[m_current]->state == State::Ready)
                swapcontext(&m_scheduler->context, &m_fibers[m_current]->context);
        const bool released = releaseWarps() | releaseBlock();
        LORIKEET_CHECK(released || std::all_of(m_fibers.begin(), m_fibers.end(), isDone), "threads of a block wait for one another for ever");
    } while (!std::all_of(m_fibers.begin(), m_fibers.end(), isDone));
    for (auto& fiber : m_fibers)
        if (fiber->failure)
            std::rethrow_exception(std::exchange(fiber->failure, nullptr));
}

bool FiberBlock::releaseBlock()
{
    const auto waitsOrIsDone = [](const auto& fiber) { return fiber->state == State::AtBlock || fiber->state == State::Done; };
    if (!std::all_of(m_fibers.begin(), m_fibers.end(), waitsOrIsDone))
        return false;
    bool released = false;
    for (auto& fiber : m_fibers) {
        released = released || fiber->state == State::AtBlock;
        if (fiber->state == State::AtBlock)
            fiber->state = State::Ready;
    }
    return released;
}

bool FiberBlock::releaseWarps()
{
    bool released = false;
    for (std::size_t first = 0; first < m_fibers.size(); first += kWarpSize) {
        const auto begin = m_fibers.begin() + static_cast<std::ptrdiff_t>(first);
        const auto end = begin + kWarpSize;
        if (!std::all_of(begin, end, [](const auto& fiber) { return fiber->state == State::AtWarp; }))
            continue;
        std::for_each(begin, end, [](auto& fiber) { fiber->state = State::Ready; });
        released = true;
    }
    return released;
}

void FiberBlock::wait(State state)
{
    Fiber& own = *m_fibers[m_current];
    own.state = state;
    swapcontext(&own.context, &m_scheduler->context);
}

void FiberBlock::blockBarrier() { wait(State::AtBlock); }

void FiberBlock::warpBarrier() { wait(State::AtWarp); }

std::uint64_t FiberBlock::exchange(std::uint64_t word, int lane)
{
    const unsigned own = m_current;
    m_words[own] = word;
    warpBarrier();
    const std::uint64_t taken = m_words[own / kWarpSize * kWarpSize + static_cast<unsigned>(lane)];
    // Nobody offers the next word before all have taken this one.
    warpBarrier();
    return taken;
}

FiberBlock& fiberBlock()
{
    LORIKEET_CHECK(g_block != nullptr, "no block runs");
    return *g_block;
}

void runGrid(unsigned grid, unsigned threads, std::size_t sharedBytes, const std::function<void()>& body)
{
    if (grid == 0)
        return;
    FiberBlock block(threads, sharedBytes);
    for (unsigned index = 0; index < grid; ++index)
        block.run({index}, {grid}, body);
}

}  // namespace lorikeet::test
