// SPDX-License-Identifier: GPL-3.0-or-later
// Loss, dropout, gradient norm and optimizer.
#include "engine/base/philox.h"
#include "engine/kernels/cuda/launchers.cuh"
#include "engine/kernels/cuda/storage.cuh"

#include <cmath>

namespace lorikeet::kernels::cuda {

namespace {

/// One block per row of logits.
template <typename S>
__global__ void crossEntropyKernel(S* logits, const std::int32_t* targets, float* losses, std::int64_t width, bool gradient, float scale)
{
    LORIKEET_SHARED(float, shared);
    S* row = logits + blockIdx.x * width;
    float largest = load(row);
    for (std::int64_t i = threadIdx.x; i < width; i += blockDim.x)
        largest = LargestOf{}(load(row + i), largest);
    largest = blockReduce(largest, shared, LargestOf{});
    float sum = 0;
    for (std::int64_t i = threadIdx.x; i < width; i += blockDim.x)
        sum += expf(load(row + i) - largest);
    const float lse = largest + logf(blockReduce(sum, shared, SumOf{}));
    const std::int64_t target = targets[blockIdx.x];
    if (threadIdx.x == 0)
        losses[blockIdx.x] = lse - load(row + target);
    __syncthreads();
    if (!gradient)
        return;
    for (std::int64_t i = threadIdx.x; i < width; i += blockDim.x)
        store(row + i, (expf(load(row + i) - lse) - (i == target ? 1.0f : 0.0f)) * scale);
}

/// What one dropout launch needs beside its matrices.
struct DropoutWords {
    std::uint64_t threshold;  ///< a word below it drops
    float keepScale;
    std::uint32_t seed;
    std::uint32_t module;
    std::uint32_t step;
    bool accumulate;
};

/// One thread per four columns, as many as Philox gives at once.
template <typename S>
__global__ void dropoutKernel(S* y, const S* x, const std::int32_t* positions, const std::int64_t* samples, std::int64_t rows, std::int64_t width,
                              DropoutWords words)
{
    const std::int64_t groups = (width + 3) / 4;
    for (std::int64_t n = firstElement(); n < rows * groups; n += elementStride()) {
        const std::int64_t row = n / groups;
        const std::int64_t group = n % groups;
        const PhiloxCounter random = philox4x32({static_cast<std::uint32_t>(group), static_cast<std::uint32_t>(positions[row]),
                                                 static_cast<std::uint32_t>(samples[row]), words.step},
                                                {words.seed, words.module});
        for (std::int64_t c = group * 4; c < group * 4 + 4 && c < width; ++c) {
            const std::int64_t i = row * width + c;
            const float masked = random[static_cast<std::size_t>(c % 4)] < words.threshold ? 0.0f : load(x + i) * words.keepScale;
            store(y + i, words.accumulate ? load(y + i) + masked : masked);
        }
    }
}

constexpr std::int64_t kMostPartials = static_cast<std::int64_t>(kPartialBytes / sizeof(double)) / 2;
constexpr std::int64_t kSmallestShare = 16384;

/// Block b sums elements [b * share, (b + 1) * share) into partial[b].
template <typename S>
__global__ void squaresKernel(double* partial, const S* x, std::int64_t count, std::int64_t share)
{
    LORIKEET_SHARED(double, shared);
    const std::int64_t first = blockIdx.x * share;
    const std::int64_t last = first + share < count ? first + share : count;
    double sum = 0;
    for (std::int64_t i = first + threadIdx.x; i < last; i += blockDim.x)
        sum += static_cast<double>(load(x + i)) * static_cast<double>(load(x + i));
    sum = blockReduce(sum, shared, SumOf{});
    if (threadIdx.x == 0)
        partial[blockIdx.x] = sum;
}

/// One block: out = sum of partial[0 .. count).
__global__ void sumKernel(double* out, const double* partial, std::int64_t count)
{
    LORIKEET_SHARED(double, shared);
    double sum = 0;
    for (std::int64_t i = threadIdx.x; i < count; i += blockDim.x)
        sum += partial[i];
    sum = blockReduce(sum, shared, SumOf{});
    if (threadIdx.x == 0)
        *out = sum;
}

/// fp32 factors of one AdamW step, rounded where the CPU rounds them.
struct AdamFactors {
    float stepSize;
    float rootCorrection2;
    float decay;
    float beta1;
    float beta2;
    float oneMinusBeta1;
    float oneMinusBeta2;
    float eps;
    float scale;
};

__global__ void adamWKernel(float* parameter, const float* gradient, float* moment1, float* moment2, BF16* work, std::int64_t count, AdamFactors f)
{
    for (std::int64_t i = firstElement(); i < count; i += elementStride()) {
        const float g = gradient[i] * f.scale;
        const float m = f.beta1 * moment1[i] + f.oneMinusBeta1 * g;
        const float v = f.beta2 * moment2[i] + f.oneMinusBeta2 * g * g;
        const float denominator = sqrtf(v) / f.rootCorrection2 + f.eps;
        const float p = parameter[i] * f.decay - f.stepSize * m / denominator;
        moment1[i] = m;
        moment2[i] = v;
        parameter[i] = p;
        if (work != nullptr)
            store(work + i, p);
    }
}

}  // namespace

bool launchCrossEntropy(Stream stream, const CrossEntropy& args)
{
    return withStorage(args.logits.dtype, [&](auto s) {
        using S = decltype(s);
        LORIKEET_LAUNCH(crossEntropyKernel<S>, args.logits.rows, kThreads, kReduceBytes, stream, args.logits.as<S>(), args.targets.as<std::int32_t>(),
                        args.losses.as<float>(), args.logits.cols, args.gradient, static_cast<float>(args.gradientScale));
    });
}

bool launchDropout(Stream stream, const Dropout& args)
{
    const DropoutWords words{static_cast<std::uint64_t>(args.probability * 4294967296.0), static_cast<float>(1.0 / (1.0 - args.probability)),
                             args.seed, args.module, args.step, args.accumulate};
    return withStorage(args.x.dtype, [&](auto s) {
        using S = decltype(s);
        LORIKEET_LAUNCH(dropoutKernel<S>, blocksFor(args.x.rows * ((args.x.cols + 3) / 4)), kThreads, 0, stream, args.y.as<S>(), args.x.as<S>(),
                        args.positions.as<std::int32_t>(), args.samples.as<std::int64_t>(), args.x.rows, args.x.cols, words);
    });
}

bool launchSumOfSquares(Stream stream, const Mat& x, void* partial)
{
    const std::int64_t count = x.elements();
    const std::int64_t evenShare = (count + kMostPartials - 1) / kMostPartials;
    const std::int64_t share = evenShare > kSmallestShare ? evenShare : kSmallestShare;
    const std::int64_t blocks = (count + share - 1) / share;
    auto* sums = static_cast<double*>(partial);
    return withStorage(x.dtype, [&](auto s) {
        using S = decltype(s);
        LORIKEET_LAUNCH(squaresKernel<S>, blocks, kThreads, kReduceBytes, stream, sums + 1, x.as<S>(), count, share);
        LORIKEET_LAUNCH(sumKernel, 1, kThreads, kReduceBytes, stream, sums, sums + 1, blocks);
    });
}

bool launchAdamW(Stream stream, const AdamW& args)
{
    const double correction1 = 1.0 - std::pow(args.beta1, static_cast<double>(args.step));
    const double correction2 = 1.0 - std::pow(args.beta2, static_cast<double>(args.step));
    const AdamFactors factors{static_cast<float>(args.learningRate / correction1),
                              static_cast<float>(std::sqrt(correction2)),
                              static_cast<float>(1.0 - args.learningRate * args.weightDecay),
                              static_cast<float>(args.beta1),
                              static_cast<float>(args.beta2),
                              static_cast<float>(1.0 - args.beta1),
                              static_cast<float>(1.0 - args.beta2),
                              static_cast<float>(args.eps),
                              static_cast<float>(args.gradientScale)};
    LORIKEET_LAUNCH(adamWKernel, blocksFor(args.parameter.cols), kThreads, 0, stream, args.parameter.as<float>(), args.gradient.as<float>(),
                    args.moment1.as<float>(), args.moment2.as<float>(), args.work.as<BF16>(), args.parameter.cols, factors);
    return true;
}

}  // namespace lorikeet::kernels::cuda
