// SPDX-License-Identifier: GPL-3.0-or-later
// A hook under malloc and its relatives, under mmap, and so under operator new and LibTorch's allocator: counts large allocations of
// the whole process, all threads, while a watch is alive. Linked into a test program it stands before the C library's functions.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lorikeet::test {

/// The largest allocation that a step may make outside the arena.
inline constexpr std::size_t kLargestStray = 64u << 10;

/// Counts from construction to destruction. One at a time. With LORIKEET_TRACE_ALLOCATIONS set, each large one prints its call stack.
class AllocationWatch {
public:
    AllocationWatch();
    ~AllocationWatch();
    AllocationWatch(const AllocationWatch&) = delete;
    AllocationWatch& operator=(const AllocationWatch&) = delete;
    /// Allocations above kLargestStray so far, and the largest of all in bytes.
    [[nodiscard]] std::int64_t strays() const;
    [[nodiscard]] std::size_t largest() const;
    /// All allocations, small ones too: shows that the hook sees anything.
    [[nodiscard]] std::int64_t count() const;
};

}  // namespace lorikeet::test
