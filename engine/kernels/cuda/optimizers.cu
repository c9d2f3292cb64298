// SPDX-License-Identifier: GPL-3.0-or-later
// AdamW with 8-bit moments, SGD, Lion: bit for bit the CPU's, so fused multiply-adds stand where they are meant (fmaf) and nowhere else.
#include "engine/kernels/cuda/launchers.cuh"
#include "engine/kernels/cuda/storage.cuh"

#include <cmath>

namespace lorikeet::kernels::cuda {

namespace {

__constant__ DynamicMap g_signedMap = kSignedMap;
__constant__ DynamicMap g_unsignedMap = kUnsignedMap;

static_assert(kThreads == kOptimizerBlock, "a block of threads is a block of the state");
constexpr int kMapsBytes = 2 * 256 * 4;

/// codeOfPoint(map, nearestPoint(value)).
__device__ std::uint8_t codeOf(const float* map, float value)
{
    const float inside = value > -1.0f ? (value < 1.0f ? value : 1.0f) : -1.0f;
    const int point = static_cast<int>(fmaf((inside + 1.0f) * 0.5f, static_cast<float>(kMapPoints - 1), 0.5f));
    const float place = -1.0f + 2.0f * static_cast<float>(point) / static_cast<float>(kMapPoints - 1);
    int below = 0;
    for (int step = 128; step > 0; step /= 2)
        if (0.5f * (map[below + step - 1] + map[below + step]) < place)
            below += step;
    return static_cast<std::uint8_t>(below);
}

struct Adam8bitBuffers {
    float* parameter;
    const float* gradient;
    std::uint8_t* moment1;
    std::uint8_t* moment2;
    float* absmax1;
    float* absmax2;
    BF16* work;
};
struct Adam8bitWords {
    float stepSize;  ///< negative
    float rootCorrection2;
    float decay;
    float beta1;
    float beta2;
    float oneMinusBeta1;
    float oneMinusBeta2;
    float eps;
    float scale;
};

/// One thread per element, one block per scale.
__global__ void adamW8bitKernel(Adam8bitBuffers b, std::int64_t count, Adam8bitWords f)
{
    LORIKEET_SHARED(float, shared);
    float* signedMap = shared + kReduceBytes / 4;
    float* unsignedMap = signedMap + 256;
    signedMap[threadIdx.x] = g_signedMap[threadIdx.x];
    unsignedMap[threadIdx.x] = g_unsignedMap[threadIdx.x];
    __syncthreads();
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    float m = 0;
    float v = 0;
    if (i < count) {
        const float g = b.gradient[i] * f.scale;
        m = fmaf(g, f.oneMinusBeta1, __fmul_rn(signedMap[b.moment1[i]] * b.absmax1[blockIdx.x], f.beta1));
        v = fmaf(__fmul_rn(f.oneMinusBeta2, g), g, __fmul_rn(unsignedMap[b.moment2[i]] * b.absmax2[blockIdx.x], f.beta2));
        const float denominator = sqrtf(v) / f.rootCorrection2 + f.eps;
        const float p = __fadd_rn(__fmul_rn(b.parameter[i], f.decay), __fmul_rn(f.stepSize, m) / denominator);
        b.parameter[i] = p;
        if (b.work != nullptr)
            store(b.work + i, p);
    }
    const float largest1 = blockReduce(fabsf(m), shared, LargestOf{});
    const float largest2 = blockReduce(v, shared, LargestOf{});
    if (i < count) {
        b.moment1[i] = largest1 == 0.0f ? std::uint8_t{0} : codeOf(signedMap, m * (1.0f / largest1));
        b.moment2[i] = largest2 == 0.0f ? std::uint8_t{0} : codeOf(unsignedMap, v * (1.0f / largest2));
    }
    if (threadIdx.x == 0) {
        b.absmax1[blockIdx.x] = largest1;
        b.absmax2[blockIdx.x] = largest2;
    }
}

/// `rate` is negative.
__global__ void sgdMomentumKernel(float* parameter, const float* gradient, float* velocity, BF16* work, std::int64_t count, float rate, float momentum,
                                  float decay, float scale)
{
    for (std::int64_t i = firstElement(); i < count; i += elementStride()) {
        float step = fmaf(parameter[i], decay, __fmul_rn(gradient[i], scale));
        if (velocity != nullptr) {
            step = __fadd_rn(__fmul_rn(velocity[i], momentum), step);
            velocity[i] = step;
        }
        const float p = fmaf(step, rate, parameter[i]);
        parameter[i] = p;
        if (work != nullptr)
            store(work + i, p);
    }
}

struct LionWords {
    float rate;
    float decay;
    float beta1;
    float beta2;
    float oneMinusBeta1;
    float oneMinusBeta2;
    float scale;
};

__global__ void lionKernel(float* parameter, const float* gradient, float* moment, BF16* work, std::int64_t count, LionWords f)
{
    for (std::int64_t i = firstElement(); i < count; i += elementStride()) {
        const float g = gradient[i] * f.scale;
        const float direction = fmaf(g, f.oneMinusBeta1, __fmul_rn(moment[i], f.beta1));
        const float sign = direction > 0.0f ? 1.0f : direction < 0.0f ? -1.0f : 0.0f;
        const float p = __fadd_rn(__fmul_rn(parameter[i], f.decay), -f.rate * sign);
        parameter[i] = p;
        moment[i] = fmaf(g, f.oneMinusBeta2, __fmul_rn(moment[i], f.beta2));
        if (work != nullptr)
            store(work + i, p);
    }
}

}  // namespace

bool launchAdamW8bit(Stream stream, const AdamW8bit& args)
{
    const double correction1 = 1.0 - std::pow(args.beta1, static_cast<double>(args.step));
    const double correction2 = 1.0 - std::pow(args.beta2, static_cast<double>(args.step));
    const Adam8bitBuffers buffers{args.parameter.as<float>(), args.gradient.as<float>(), args.moment1.as<std::uint8_t>(), args.moment2.as<std::uint8_t>(),
                                  args.absmax1.as<float>(),   args.absmax2.as<float>(),  args.work.as<BF16>()};
    const Adam8bitWords words{static_cast<float>(-args.learningRate / correction1),
                              static_cast<float>(std::sqrt(correction2)),
                              static_cast<float>(1.0 - args.learningRate * args.weightDecay),
                              static_cast<float>(args.beta1),
                              static_cast<float>(args.beta2),
                              static_cast<float>(1.0 - args.beta1),
                              static_cast<float>(1.0 - args.beta2),
                              static_cast<float>(args.eps),
                              static_cast<float>(args.gradientScale)};
    const std::int64_t count = args.parameter.cols;
    LORIKEET_LAUNCH(adamW8bitKernel, optimizerBlocks(count), kThreads, kReduceBytes + kMapsBytes, stream, buffers, count, words);
    return true;
}

bool launchSgdMomentum(Stream stream, const SgdMomentum& args)
{
    const std::int64_t count = args.parameter.cols;
    LORIKEET_LAUNCH(sgdMomentumKernel, blocksFor(count), kThreads, 0, stream, args.parameter.as<float>(), args.gradient.as<float>(), args.velocity.as<float>(),
                    args.work.as<BF16>(), count, static_cast<float>(-args.learningRate), static_cast<float>(args.momentum),
                    static_cast<float>(args.weightDecay), static_cast<float>(args.gradientScale));
    return true;
}

bool launchLion(Stream stream, const Lion& args)
{
    const LionWords words{static_cast<float>(args.learningRate),
                          static_cast<float>(1.0 - args.learningRate * args.weightDecay),
                          static_cast<float>(args.beta1),
                          static_cast<float>(args.beta2),
                          static_cast<float>(1.0 - args.beta1),
                          static_cast<float>(1.0 - args.beta2),
                          static_cast<float>(args.gradientScale)};
    const std::int64_t count = args.parameter.cols;
    LORIKEET_LAUNCH(lionKernel, blocksFor(count), kThreads, 0, stream, args.parameter.as<float>(), args.gradient.as<float>(), args.moment.as<float>(),
                    args.work.as<BF16>(), count, words);
    return true;
}

}  // namespace lorikeet::kernels::cuda
