// SPDX-License-Identifier: GPL-3.0-or-later
// RMSNorm, one block per row; the gradient of the gain in two steps without atomics.
#include "engine/kernels/cuda/launchers.cuh"
#include "engine/kernels/cuda/storage.cuh"

#include "engine/base/check.h"

namespace lorikeet::kernels::cuda {

namespace {

/// 1 / sqrt(mean(x^2) + eps) of the block's row.
template <typename S>
__device__ float inverseRms(const S* x, std::int64_t width, float eps, float* shared)
{
    float sum = 0;
    for (std::int64_t i = threadIdx.x; i < width; i += blockDim.x)
        sum += load(x + i) * load(x + i);
    return 1.0f / sqrtf(blockReduce(sum, shared, SumOf{}) / static_cast<float>(width) + eps);
}

template <typename S>
__global__ void rmsNormForwardKernel(S* y, const S* x, const S* gain, std::int64_t width, float eps)
{
    LORIKEET_SHARED(float, shared);
    x += blockIdx.x * width;
    y += blockIdx.x * width;
    const float inverse = inverseRms(x, width, eps, shared);
    for (std::int64_t i = threadIdx.x; i < width; i += blockDim.x)
        store(y + i, throughStorage<S>(load(x + i) * inverse) * load(gain + i));
}

template <typename S>
__global__ void rmsNormBackwardKernel(S* dx, const S* dy, const S* x, const S* gain, std::int64_t width, float eps, bool accumulate)
{
    LORIKEET_SHARED(float, shared);
    const std::int64_t offset = blockIdx.x * width;
    dx += offset;
    dy += offset;
    x += offset;
    const float inverse = inverseRms(x, width, eps, shared);
    float products = 0;
    for (std::int64_t i = threadIdx.x; i < width; i += blockDim.x)
        products += load(dy + i) * load(gain + i) * load(x + i);
    const float dot = blockReduce(products, shared, SumOf{});
    const float pull = dot * inverse * inverse * inverse / static_cast<float>(width);
    for (std::int64_t i = threadIdx.x; i < width; i += blockDim.x) {
        const float old = accumulate ? load(dx + i) : 0.0f;
        store(dx + i, old + load(dy + i) * load(gain + i) * inverse - load(x + i) * pull);
    }
}

template <typename S>
__global__ void inverseRmsKernel(float* inverses, const S* x, std::int64_t width, float eps)
{
    LORIKEET_SHARED(float, shared);
    const float inverse = inverseRms(x + blockIdx.x * width, width, eps, shared);
    if (threadIdx.x == 0)
        inverses[blockIdx.x] = inverse;
}

/// A block sums 32 columns; each of its warps takes every eighth row, and the warps' sums are added in order.
template <typename S>
__global__ void gainGradientKernel(float* dGain, const S* dy, const S* x, const float* inverses, std::int64_t rows, std::int64_t width)
{
    LORIKEET_SHARED(float, shared);
    const unsigned lane = threadIdx.x % kWarp;
    const unsigned warp = threadIdx.x / kWarp;
    const unsigned warps = blockDim.x / kWarp;
    const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * kWarp + lane;
    float sum = 0;
    for (std::int64_t row = warp; column < width && row < rows; row += warps)
        sum += load(dy + row * width + column) * load(x + row * width + column) * inverses[row];
    shared[threadIdx.x] = sum;
    __syncthreads();
    if (warp != 0 || column >= width)
        return;
    float total = 0;
    for (unsigned w = 0; w < warps; ++w)
        total += shared[w * kWarp + lane];
    dGain[column] += total;
}

}  // namespace

bool launchRmsNormForward(Stream stream, const RmsNormForward& args)
{
    return withStorage(args.x.dtype, [&](auto s) {
        using S = decltype(s);
        LORIKEET_LAUNCH(rmsNormForwardKernel<S>, args.x.rows, kThreads, kReduceBytes, stream, args.y.as<S>(), args.x.as<S>(), args.gain.as<S>(), args.x.cols,
                        static_cast<float>(args.eps));
    });
}

bool launchRmsNormBackward(Stream stream, const RmsNormBackward& args, void* partial)
{
    const auto eps = static_cast<float>(args.eps);
    return withStorage(args.x.dtype, [&](auto s) {
        using S = decltype(s);
        if (args.dGain) {
            LORIKEET_CHECK(static_cast<std::uint64_t>(args.x.rows) * sizeof(float) <= kPartialBytes, "rmsNormBackward: too many rows for a gain's gradient");
            auto* inverses = static_cast<float*>(partial);
            LORIKEET_LAUNCH(inverseRmsKernel<S>, args.x.rows, kThreads, kReduceBytes, stream, inverses, args.x.as<S>(), args.x.cols, eps);
            LORIKEET_LAUNCH(gainGradientKernel<S>, (args.x.cols + kWarp - 1) / kWarp, kThreads, kThreads * sizeof(float), stream, args.dGain.as<float>(),
                            args.dy.as<S>(), args.x.as<S>(), inverses, args.x.rows, args.x.cols);
        }
        LORIKEET_LAUNCH(rmsNormBackwardKernel<S>, args.x.rows, kThreads, kReduceBytes, stream, args.dx.as<S>(), args.dy.as<S>(), args.x.as<S>(),
                        args.gain.as<S>(), args.x.cols, eps, args.accumulate);
    });
}

}  // namespace lorikeet::kernels::cuda
