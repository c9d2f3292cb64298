// SPDX-License-Identifier: GPL-3.0-or-later
// Loss, dropout and optimizer kernels.
#pragma once

#include "engine/base/philox.h"
#include "engine/kernels/adamw.h"
#include "engine/kernels/cpu/storage.h"
#include "engine/kernels/cross_entropy.h"
#include "engine/kernels/dropout.h"

#include <array>

namespace lorikeet::kernels::LORIKEET_ISA {

/// Largest logit and the sum of exp(logit - largest) of a row, in fp32 lanes.
template <typename S>
std::pair<typename Arithmetic<S>::C, typename Arithmetic<S>::C> rowSoftmax(const S* row, std::int64_t width)
{
    using A = Arithmetic<S>;
    using C = typename A::C;
    C top = loadOne(row);
    std::int64_t i = 0;
    if (width >= A::kLanes) {
        auto tops = load(row);
        for (; i + A::kLanes <= width; i += A::kLanes)
            tops = maxOf(load(row + i), tops);
        top = largestOf(tops);
    }
    for (; i < width; ++i)
        top = std::max(top, static_cast<C>(loadOne(row + i)));
    typename A::V sums{};
    for (i = 0; i + A::kLanes <= width; i += A::kLanes)
        sums += expOf(load(row + i) - broadcast(top));
    C sum = sumOf(sums);
    for (; i < width; ++i)
        sum += std::exp(loadOne(row + i) - top);
    return {top, sum};
}

inline void crossEntropy(Context&, const CrossEntropy& args)
{
    withStorage(args.logits.dtype, [&](auto s) {
        using S = decltype(s);
        using A = Arithmetic<S>;
        using C = typename A::C;
        const std::int64_t width = args.logits.cols;
        parallelRows(args.logits.rows, width, [&](std::int64_t n) {
            S* row = args.logits.as<S>() + n * width;
            const std::int32_t target = args.targets.as<std::int32_t>()[n];
            const auto [top, sum] = rowSoftmax(row, width);
            const C lse = top + std::log(sum);
            const C wanted = loadOne(row + target);
            args.losses.as<C>()[n] = lse - wanted;
            if (!args.gradient)
                return;
            const C scale = static_cast<C>(args.gradientScale);
            std::int64_t i = 0;
            for (; i + A::kLanes <= width; i += A::kLanes)
                store(row + i, expOf(load(row + i) - broadcast(lse)) * scale);
            for (; i < width; ++i)
                storeOne(row + i, std::exp(loadOne(row + i) - lse) * scale);
            storeOne(row + target, (std::exp(wanted - lse) - C(1)) * scale);
        });
    });
}

inline void dropout(Context&, const Dropout& args)
{
    withStorage(args.x.dtype, [&](auto s) {
        using S = decltype(s);
        using C = typename Arithmetic<S>::C;
        const C keepScale = static_cast<C>(1.0 / (1.0 - args.probability));
        // A word below the threshold drops: P = threshold / 2^32.
        const auto threshold = static_cast<std::uint64_t>(args.probability * 4294967296.0);
        const auto* positions = args.positions.as<std::int32_t>();
        const auto* samples = args.samples.as<std::int64_t>();
        parallelRows(args.x.rows, args.x.cols * 16, [&](std::int64_t row) {
            const S* x = args.x.as<S>() + row * args.x.cols;
            S* y = args.y.as<S>() + row * args.x.cols;
            for (std::int64_t c = 0; c < args.x.cols; c += 4) {
                const std::array<std::uint32_t, 4> words
                    = philox4x32({static_cast<std::uint32_t>(c / 4), static_cast<std::uint32_t>(positions[row]),
                                  static_cast<std::uint32_t>(samples[row]), args.step},
                                 {args.seed, args.module});
                for (std::int64_t i = c; i < std::min(c + 4, args.x.cols); ++i) {
                    const C masked = words[static_cast<std::size_t>(i - c)] < threshold ? C(0) : loadOne(x + i) * keepScale;
                    storeOne(y + i, args.accumulate ? loadOne(y + i) + masked : masked);
                }
            }
        });
    });
}

/// Arithmetic in fp32 in the order of torch's fused AdamW; bias corrections in fp64.
inline void adamW(Context&, const AdamW& args)
{
    const double correction1 = 1.0 - std::pow(args.beta1, static_cast<double>(args.step));
    const double correction2 = 1.0 - std::pow(args.beta2, static_cast<double>(args.step));
    const auto stepSize = static_cast<float>(args.learningRate / correction1);
    const auto rootCorrection2 = static_cast<float>(std::sqrt(correction2));
    const auto decay = static_cast<float>(1.0 - args.learningRate * args.weightDecay);
    const auto beta1 = static_cast<float>(args.beta1);
    const auto beta2 = static_cast<float>(args.beta2);
    const auto oneMinusBeta1 = static_cast<float>(1.0 - args.beta1);
    const auto oneMinusBeta2 = static_cast<float>(1.0 - args.beta2);
    const auto eps = static_cast<float>(args.eps);
    const auto scale = static_cast<float>(args.gradientScale);
    float* parameter = args.parameter.as<float>();
    const float* gradient = args.gradient.as<float>();
    float* moment1 = args.moment1.as<float>();
    float* moment2 = args.moment2.as<float>();
    parallelBlocks(args.parameter.cols, 16384, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            const float g = gradient[i] * scale;
            moment1[i] = beta1 * moment1[i] + oneMinusBeta1 * g;
            moment2[i] = beta2 * moment2[i] + oneMinusBeta2 * g * g;
            const float denominator = std::sqrt(moment2[i]) / rootCorrection2 + eps;
            parameter[i] = parameter[i] * decay - stepSize * moment1[i] / denominator;
            if (args.work)
                storeOne(args.work.as<BF16>() + i, parameter[i]);
        }
    });
}

}  // namespace lorikeet::kernels::LORIKEET_ISA
