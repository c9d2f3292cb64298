// SPDX-License-Identifier: GPL-3.0-or-later
// Runs CUDA kernels on the host: include this, then the .cu file. A block's threads are fibers on one system thread; a barrier or a
// shuffle hands over to the next fiber, and a barrier that not all threads reach is an error.
#pragma once

#define LORIKEET_CUDA_HOST 1

#include "tests/engine/kernels/cuda/fibers.h"

#include <math.h>
#include <cstdint>
#include <cstring>

// The words of the language that the kernels use.
#define __global__
#define __device__
#define __constant__

namespace lorikeet::kernels::cuda {

using Stream = void*;

}  // namespace lorikeet::kernels::cuda

#define threadIdx (lorikeet::test::fiberBlock().threadIndex())
#define blockIdx (lorikeet::test::fiberBlock().blockIndex())
#define blockDim (lorikeet::test::fiberBlock().blockSize())
#define gridDim (lorikeet::test::fiberBlock().gridSize())

/// Rounded on their own: this file's programs are compiled without fused multiply-add.
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }

inline void __syncthreads() { lorikeet::test::fiberBlock().blockBarrier(); }
inline void __syncwarp() { lorikeet::test::fiberBlock().warpBarrier(); }

/// The value of lane `lane` of this warp. All 32 lanes take part.
template <typename T>
T __shfl_sync(unsigned, T value, int lane)
{
    static_assert(sizeof(T) <= sizeof(std::uint64_t));
    auto& block = lorikeet::test::fiberBlock();
    std::uint64_t word = 0;
    std::memcpy(&word, &value, sizeof value);
    word = block.exchange(word, lane);
    std::memcpy(&value, &word, sizeof value);
    return value;
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int laneMask)
{
    return __shfl_sync(mask, value, static_cast<int>(lorikeet::test::fiberBlock().threadIndex().x % 32u) ^ laneMask);
}

#define LORIKEET_LAUNCH(kernel, grid, block, sharedBytes, stream, ...) \
    (static_cast<void>(stream), lorikeet::test::runGrid(static_cast<unsigned>(grid), static_cast<unsigned>(block), sharedBytes, [&] { kernel(__VA_ARGS__); }))

#define LORIKEET_SHARED(Type, name) Type* name = reinterpret_cast<Type*>(lorikeet::test::fiberBlock().shared())
