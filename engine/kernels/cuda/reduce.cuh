// SPDX-License-Identifier: GPL-3.0-or-later
// What device code shares: loops over elements, and sums over a warp and a block in a fixed order. For .cu files only.
#pragma once

#include "engine/kernels/cuda/launch.cuh"

namespace lorikeet::kernels::cuda {

/// First element of this thread and the distance to its next one, for loops over elements.
__device__ inline std::int64_t firstElement() { return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ inline std::int64_t elementStride() { return static_cast<std::int64_t>(gridDim.x) * blockDim.x; }

struct SumOf {
    template <typename T>
    __device__ T operator()(T a, T b) const { return a + b; }
};
struct LargestOf {
    template <typename T>
    __device__ T operator()(T a, T b) const { return a > b ? a : b; }
};

template <typename T, typename Op>
__device__ T warpReduce(T value, Op op)
{
    for (int offset = kWarp / 2; offset > 0; offset /= 2)
        value = op(value, __shfl_xor_sync(kAllLanes, value, offset));
    return value;
}

/// The same value in every thread, combined in a fixed order. `shared` holds one value per warp.
template <typename T, typename Op>
__device__ T blockReduce(T value, T* shared, Op op)
{
    value = warpReduce(value, op);
    __syncthreads();
    if (threadIdx.x % kWarp == 0)
        shared[threadIdx.x / kWarp] = value;
    __syncthreads();
    T result = shared[0];
    for (unsigned warp = 1; warp < blockDim.x / kWarp; ++warp)
        result = op(result, shared[warp]);
    return result;
}

}  // namespace lorikeet::kernels::cuda
