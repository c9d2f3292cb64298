// SPDX-License-Identifier: GPL-3.0-or-later
// Gradients of an embedding table and of a bias: sums over rows in an order of their own, without atomics.
#include "engine/kernels/cuda/launchers.cuh"
#include "engine/kernels/cuda/storage.cuh"

namespace lorikeet::kernels::cuda {

namespace {

/// One block per row. The block of a token's first row adds all rows of that token, in order; the others have nothing to do.
template <typename S>
__global__ void embedBackwardKernel(float* dTable, const S* dx, const std::int32_t* tokens, std::int64_t rows, std::int64_t width)
{
    LORIKEET_SHARED(int, shared);
    const std::int64_t first = blockIdx.x;
    const std::int32_t token = tokens[first];
    int earlier = 0;
    for (std::int64_t row = threadIdx.x; row < first; row += blockDim.x)
        earlier |= tokens[row] == token ? 1 : 0;
    if (blockReduce(earlier, shared, LargestOf{}) != 0)
        return;
    for (std::int64_t i = threadIdx.x; i < width; i += blockDim.x) {
        float sum = dTable[token * width + i];
        for (std::int64_t row = first; row < rows; ++row)
            if (tokens[row] == token)
                sum += load(dx + row * width + i);
        dTable[token * width + i] = sum;
    }
}

/// A block sums 32 columns; each of its warps takes every eighth row, and the warps' sums are added in order.
template <typename S>
__global__ void sumRowsKernel(float* dBias, const S* dy, std::int64_t rows, std::int64_t width)
{
    LORIKEET_SHARED(float, shared);
    const unsigned lane = threadIdx.x % kWarp;
    const unsigned warp = threadIdx.x / kWarp;
    const unsigned warps = blockDim.x / kWarp;
    const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * kWarp + lane;
    float sum = 0;
    for (std::int64_t row = warp; column < width && row < rows; row += warps)
        sum += load(dy + row * width + column);
    shared[threadIdx.x] = sum;
    __syncthreads();
    if (warp != 0 || column >= width)
        return;
    float total = 0;
    for (unsigned w = 0; w < warps; ++w)
        total += shared[w * kWarp + lane];
    dBias[column] += total;
}

}  // namespace

bool launchEmbedBackward(Stream stream, const EmbedBackward& args)
{
    return withStorage(args.dx.dtype, [&](auto s) {
        using S = decltype(s);
        LORIKEET_LAUNCH(embedBackwardKernel<S>, args.dx.rows, kThreads, kReduceBytes, stream, args.dTable.as<float>(), args.dx.as<S>(),
                        args.tokens.as<std::int32_t>(), args.dx.rows, args.dx.cols);
    });
}

bool launchSumRows(Stream stream, const SumRows& args)
{
    return withStorage(args.dy.dtype, [&](auto s) {
        using S = decltype(s);
        LORIKEET_LAUNCH(sumRowsKernel<S>, (args.dy.cols + kWarp - 1) / kWarp, kThreads, kThreads * sizeof(float), stream, args.dBias.as<float>(),
                        args.dy.as<S>(), args.dy.rows, args.dy.cols);
    });
}

}  // namespace lorikeet::kernels::cuda
