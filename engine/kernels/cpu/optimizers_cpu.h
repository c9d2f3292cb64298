// SPDX-License-Identifier: GPL-3.0-or-later
// AdamW with 8-bit moments, SGD, Lion. Compiled without fused multiply-add: it stands, as std::fma, where the reference fuses.
#pragma once

#include "engine/kernels/adamw_8bit.h"
#include "engine/kernels/cpu/storage.h"
#include "engine/kernels/sgd_lion.h"

#include <array>

namespace lorikeet::kernels::LORIKEET_ISA {

/// The code of every point of a map.
using PointCodes = std::array<std::uint8_t, kMapPoints>;
inline PointCodes pointCodes(const DynamicMap& map)
{
    PointCodes codes;
    for (int point = 0; point < kMapPoints; ++point)
        codes[static_cast<std::size_t>(point)] = codeOfPoint(map, point);
    return codes;
}

inline void storeCodes(std::uint8_t* codes, float& absmax, const float* values, std::int64_t count, float largest, const PointCodes& table)
{
    absmax = largest;
    const float inverse = 1.0f / largest;
    for (std::int64_t i = 0; i < count; ++i)
        codes[i] = largest == 0.0f ? std::uint8_t{0} : table[static_cast<std::size_t>(nearestPoint(values[i] * inverse))];
}

/// fp32 factors of one step, rounded where torch rounds them.
struct Adam8bitFactors {
    explicit Adam8bitFactors(const AdamW8bit& args)
        : stepSize(static_cast<float>(-args.learningRate / (1.0 - std::pow(args.beta1, static_cast<double>(args.step)))))
        , rootCorrection2(static_cast<float>(std::sqrt(1.0 - std::pow(args.beta2, static_cast<double>(args.step)))))
        , decay(static_cast<float>(1.0 - args.learningRate * args.weightDecay))
        , beta1(static_cast<float>(args.beta1))
        , beta2(static_cast<float>(args.beta2))
        , oneMinusBeta1(static_cast<float>(1.0 - args.beta1))
        , oneMinusBeta2(static_cast<float>(1.0 - args.beta2))
        , eps(static_cast<float>(args.eps))
        , scale(static_cast<float>(args.gradientScale))
    {
    }
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

/// One block of at most kOptimizerBlock elements from `begin` on.
inline void adamBlock(const AdamW8bit& args, const Adam8bitFactors& f, std::int64_t begin, std::int64_t count)
{
    static const PointCodes kSignedCodes = pointCodes(kSignedMap);
    static const PointCodes kUnsignedCodes = pointCodes(kUnsignedMap);
    float* parameter = args.parameter.as<float>() + begin;
    const float* gradient = args.gradient.as<float>() + begin;
    auto* codes1 = args.moment1.as<std::uint8_t>() + begin;
    auto* codes2 = args.moment2.as<std::uint8_t>() + begin;
    float& absmax1 = args.absmax1.as<float>()[begin / kOptimizerBlock];
    float& absmax2 = args.absmax2.as<float>()[begin / kOptimizerBlock];
    float first[kOptimizerBlock];
    float second[kOptimizerBlock];
    for (std::int64_t i = 0; i < count; ++i) {
        first[i] = kSignedMap[codes1[i]] * absmax1;
        second[i] = kUnsignedMap[codes2[i]] * absmax2;
    }
    float largest1 = 0;
    float largest2 = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const float g = gradient[i] * f.scale;
        first[i] = std::fma(g, f.oneMinusBeta1, first[i] * f.beta1);
        second[i] = std::fma(f.oneMinusBeta2 * g, g, second[i] * f.beta2);
        const float denominator = std::sqrt(second[i]) / f.rootCorrection2 + f.eps;
        parameter[i] = parameter[i] * f.decay + f.stepSize * first[i] / denominator;
        largest1 = std::max(largest1, std::abs(first[i]));
        largest2 = std::max(largest2, second[i]);
    }
    storeCodes(codes1, absmax1, first, count, largest1, kSignedCodes);
    storeCodes(codes2, absmax2, second, count, largest2, kUnsignedCodes);
    if (args.work)
        for (std::int64_t i = 0; i < count; ++i)
            storeOne(args.work.as<BF16>() + begin + i, parameter[i]);
}

inline void adamW8bit(Context&, const AdamW8bit& args)
{
    const Adam8bitFactors factors(args);
    parallelBlocks(args.parameter.cols, 16 * kOptimizerBlock, [&](std::int64_t begin, std::int64_t end) {
        for (; begin < end; begin += kOptimizerBlock)
            adamBlock(args, factors, begin, std::min(end - begin, kOptimizerBlock));
    });
}

inline void sgdMomentum(Context&, const SgdMomentum& args)
{
    const auto rate = static_cast<float>(-args.learningRate);
    const auto momentum = static_cast<float>(args.momentum);
    const auto decay = static_cast<float>(args.weightDecay);
    const auto scale = static_cast<float>(args.gradientScale);
    float* parameter = args.parameter.as<float>();
    const float* gradient = args.gradient.as<float>();
    float* velocity = args.velocity.as<float>();
    parallelBlocks(args.parameter.cols, 16384, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            float step = std::fma(parameter[i], decay, gradient[i] * scale);
            if (velocity != nullptr) {
                step = velocity[i] * momentum + step;
                velocity[i] = step;
            }
            parameter[i] = std::fma(step, rate, parameter[i]);
            if (args.work)
                storeOne(args.work.as<BF16>() + i, parameter[i]);
        }
    });
}

inline void lion(Context&, const Lion& args)
{
    const auto rate = static_cast<float>(args.learningRate);
    const auto decay = static_cast<float>(1.0 - args.learningRate * args.weightDecay);
    const auto beta1 = static_cast<float>(args.beta1);
    const auto beta2 = static_cast<float>(args.beta2);
    const auto oneMinusBeta1 = static_cast<float>(1.0 - args.beta1);
    const auto oneMinusBeta2 = static_cast<float>(1.0 - args.beta2);
    const auto scale = static_cast<float>(args.gradientScale);
    float* parameter = args.parameter.as<float>();
    const float* gradient = args.gradient.as<float>();
    float* moment = args.moment.as<float>();
    parallelBlocks(args.parameter.cols, 16384, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            const float g = gradient[i] * scale;
            const float direction = std::fma(g, oneMinusBeta1, moment[i] * beta1);
            const float sign = direction > 0.0f ? 1.0f : direction < 0.0f ? -1.0f : 0.0f;
            parameter[i] = parameter[i] * decay - rate * sign;
            moment[i] = std::fma(g, oneMinusBeta2, moment[i] * beta2);
            if (args.work)
                storeOne(args.work.as<BF16>() + i, parameter[i]);
        }
    });
}

}  // namespace lorikeet::kernels::LORIKEET_ISA
