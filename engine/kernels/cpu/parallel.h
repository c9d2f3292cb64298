// SPDX-License-Identifier: GPL-3.0-or-later
// Loops over rows on the one OpenMP pool of the process.
#pragma once

#include "engine/kernels/cpu/isa.h"

#include <algorithm>
#include <cstdint>

namespace lorikeet::kernels::LORIKEET_ISA {

/// Calls body(i) for i in [0, count), statically split. Small loops stay on the calling thread: a fork costs some microseconds.
template <typename Body>
void parallelRows(std::int64_t count, std::int64_t workPerRow, const Body& body)
{
    const bool worthIt = count * workPerRow > 16384;
#pragma omp parallel for schedule(static) if (worthIt)
    for (std::int64_t i = 0; i < count; ++i)
        body(i);
}

/// Calls body(i) for i in [0, count), handed out one at a time: for tasks of unequal size whose results do not depend on the order.
template <typename Body>
void parallelTasks(std::int64_t count, const Body& body)
{
#pragma omp parallel for schedule(dynamic) if (count > 1)
    for (std::int64_t i = 0; i < count; ++i)
        body(i);
}

/// Calls body(begin, end) for blocks of `block` elements.
template <typename Body>
void parallelBlocks(std::int64_t count, std::int64_t block, const Body& body)
{
    const std::int64_t blocks = (count + block - 1) / block;
#pragma omp parallel for schedule(static) if (blocks > 1)
    for (std::int64_t i = 0; i < blocks; ++i)
        body(i * block, std::min(count, (i + 1) * block));
}

}  // namespace lorikeet::kernels::LORIKEET_ISA
