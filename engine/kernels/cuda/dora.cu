// SPDX-License-Identifier: GPL-3.0-or-later
// Row norms, scaled outputs and the gradient of magnitudes (DoRA), sums in an order of their own, without atomics.
#include "engine/kernels/cuda/launchers.cuh"
#include "engine/kernels/cuda/storage.cuh"

namespace lorikeet::kernels::cuda {

namespace {

/// One block per row.
template <typename S>
__global__ void rowNormsKernel(float* norms, const S* x, std::int64_t width)
{
    LORIKEET_SHARED(float, shared);
    const S* row = x + static_cast<std::int64_t>(blockIdx.x) * width;
    float sum = 0;
    for (std::int64_t i = threadIdx.x; i < width; i += blockDim.x) {
        const float value = load(row + i);
        sum += value * value;
    }
    sum = blockReduce(sum, shared, SumOf{});
    if (threadIdx.x == 0)
        norms[blockIdx.x] = sqrtf(sum);
}

template <typename S>
__global__ void scaleColumnsKernel(S* y, const S* x, const float* magnitude, const float* norms, const S* bias, std::int64_t count, std::int64_t width)
{
    for (std::int64_t i = firstElement(); i < count; i += elementStride()) {
        const std::int64_t column = i % width;
        const float scaled = load(x + i) * (magnitude[column] / norms[column]);
        store(y + i, bias != nullptr ? scaled + load(bias + column) : scaled);
    }
}

/// A block sums 32 columns; each of its warps takes every eighth row, and the warps' sums are added in order.
template <typename S>
__global__ void magnitudeGradientKernel(float* dMagnitude, const S* dy, const S* z, const float* norms, std::int64_t rows, std::int64_t width)
{
    LORIKEET_SHARED(float, shared);
    const unsigned lane = threadIdx.x % kWarp;
    const unsigned warp = threadIdx.x / kWarp;
    const unsigned warps = blockDim.x / kWarp;
    const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * kWarp + lane;
    float sum = 0;
    for (std::int64_t row = warp; column < width && row < rows; row += warps)
        sum += load(dy + row * width + column) * load(z + row * width + column);
    shared[threadIdx.x] = sum;
    __syncthreads();
    if (warp != 0 || column >= width)
        return;
    float total = 0;
    for (unsigned w = 0; w < warps; ++w)
        total += shared[w * kWarp + lane];
    dMagnitude[column] += total / norms[column];
}

}  // namespace

bool launchRowNorms(Stream stream, const RowNorms& args)
{
    return withStorage(args.x.dtype, [&](auto s) {
        using S = decltype(s);
        LORIKEET_LAUNCH(rowNormsKernel<S>, args.x.rows, kThreads, kReduceBytes, stream, args.norms.as<float>(), args.x.as<S>(), args.x.cols);
    });
}

bool launchScaleColumns(Stream stream, const ScaleColumns& args)
{
    return withStorage(args.x.dtype, [&](auto s) {
        using S = decltype(s);
        LORIKEET_LAUNCH(scaleColumnsKernel<S>, blocksFor(args.x.elements()), kThreads, 0, stream, args.y.as<S>(), args.x.as<S>(), args.magnitude.as<float>(),
                        args.norms.as<float>(), args.bias.as<S>(), args.x.elements(), args.x.cols);
    });
}

bool launchMagnitudeGradient(Stream stream, const MagnitudeGradient& args)
{
    return withStorage(args.dy.dtype, [&](auto s) {
        using S = decltype(s);
        LORIKEET_LAUNCH(magnitudeGradientKernel<S>, (args.dy.cols + kWarp - 1) / kWarp, kThreads, kThreads * sizeof(float), stream,
                        args.dMagnitude.as<float>(), args.dy.as<S>(), args.z.as<S>(), args.norms.as<float>(), args.dy.rows, args.dy.cols);
    });
}

}  // namespace lorikeet::kernels::cuda
