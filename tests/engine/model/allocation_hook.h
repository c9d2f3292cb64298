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
    /// Allocations above kLargestStray so far that did not come from inside oneDNN, and the largest of them in bytes.
    [[nodiscard]] std::int64_t strays() const;
    [[nodiscard]] std::size_t largest() const;
    /// The same for allocations from inside oneDNN: machine code for a product size it meets for the first time and, on processors
    /// without AVX-512, packing space of its fp32 product.
    [[nodiscard]] std::int64_t libraryStrays() const;
    [[nodiscard]] std::size_t libraryLargest() const;
    /// All allocations, small ones too: shows that the hook sees anything.
    [[nodiscard]] std::int64_t count() const;
};

}  // namespace lorikeet::test
