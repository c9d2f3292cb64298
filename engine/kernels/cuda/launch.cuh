// SPDX-License-Identifier: GPL-3.0-or-later
// How every kernel starts and takes shared memory. A test that defines LORIKEET_CUDA_HOST brings its own versions of both and of the
// words of the language (__global__, threadIdx, barriers, shuffles), and runs the same sources on the host.
#pragma once

#include <cstdint>

#if !defined(LORIKEET_CUDA_HOST)
#include <cuda_runtime.h>

namespace lorikeet::kernels::cuda {

using Stream = cudaStream_t;
/// @throws Error{Device} when the kernel could not be started.
void checkLaunch(const char* kernel);

}  // namespace lorikeet::kernels::cuda

/// Runs kernel(arguments...) on `grid` blocks of `block` threads with `sharedBytes` of LORIKEET_SHARED. An empty grid is no launch.
#define LORIKEET_LAUNCH(kernel, grid, block, sharedBytes, stream, ...)                                                                  \
    do {                                                                                                                                \
        const auto lorikeetGrid = static_cast<unsigned>(grid);                                                                          \
        if (lorikeetGrid > 0) {                                                                                                         \
            kernel<<<lorikeetGrid, static_cast<unsigned>(block), sharedBytes, stream>>>(__VA_ARGS__);                                   \
            lorikeet::kernels::cuda::checkLaunch(#kernel);                                                                              \
        }                                                                                                                               \
    } while (false)

/// The block's shared memory as an array.
#define LORIKEET_SHARED(Type, name)                                  \
    extern __shared__ __align__(16) unsigned char lorikeetShared[]; \
    Type* name = reinterpret_cast<Type*>(lorikeetShared)
#endif

namespace lorikeet::kernels::cuda {

inline constexpr int kThreads = 256;
inline constexpr int kWarp = 32;
inline constexpr unsigned kAllLanes = 0xFFFFFFFFu;
/// Bytes of shared memory that blockReduce wants.
inline constexpr int kReduceBytes = kThreads / kWarp * 8;

/// Blocks of kThreads for `count` elements; kernels over elements loop, so the grid is bounded.
[[nodiscard]] inline std::int64_t blocksFor(std::int64_t count)
{
    constexpr std::int64_t kMostBlocks = 1 << 20;
    const std::int64_t blocks = (count + kThreads - 1) / kThreads;
    return blocks < kMostBlocks ? blocks : kMostBlocks;
}

}  // namespace lorikeet::kernels::cuda
