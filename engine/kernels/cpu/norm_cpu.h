// SPDX-License-Identifier: GPL-3.0-or-later
// RMSNorm, forward and backward.
#pragma once

#include "engine/kernels/cpu/storage.h"
#include "engine/kernels/rms_norm.h"

namespace lorikeet::kernels::LORIKEET_ISA {

template <typename S>
struct RowNorm {
    using A = Arithmetic<S>;
    using C = typename A::C;

    /// 1 / sqrt(mean(x^2) + eps)
    static C inverseRms(const S* x, std::int64_t width, double eps)
    {
        typename A::V sum{};
        std::int64_t i = 0;
        for (; i + A::kLanes <= width; i += A::kLanes) {
            const auto v = load(x + i);
            sum += v * v;
        }
        C total = sumOf(sum);
        for (; i < width; ++i)
            total += loadOne(x + i) * loadOne(x + i);
        return C(1) / std::sqrt(total / static_cast<C>(width) + static_cast<C>(eps));
    }
};

inline void rmsNormForward(Context&, const RmsNormForward& args)
{
    withStorage(args.x.dtype, [&](auto s) {
        using S = decltype(s);
        const std::int64_t width = args.x.cols;
        const S* gain = args.gain.as<S>();
        parallelRows(args.x.rows, width, [&](std::int64_t row) {
            const S* x = args.x.as<S>() + row * width;
            S* y = args.y.as<S>() + row * width;
            const auto inverse = RowNorm<S>::inverseRms(x, width, args.eps);
            // Llama order: the normalised x is rounded to its type before the gain multiplies it.
            for (std::int64_t i = 0; i < width; ++i)
                storeOne(y + i, throughStorage<S>(loadOne(x + i) * inverse) * loadOne(gain + i));
        });
    });
}

template <typename S>
void rmsNormGainGradient(const RmsNormBackward& args)
{
    using C = typename Arithmetic<S>::C;
    const std::int64_t width = args.x.cols;
    C* out = args.dGain.as<C>();
    parallelBlocks(width, 64, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = 0; row < args.x.rows; ++row) {
            const S* x = args.x.as<S>() + row * width;
            const S* dy = args.dy.as<S>() + row * width;
            const C inverse = RowNorm<S>::inverseRms(x, width, args.eps);
            for (std::int64_t i = begin; i < end; ++i)
                out[i] += loadOne(dy + i) * loadOne(x + i) * inverse;
        }
    });
}

inline void rmsNormBackward(Context&, const RmsNormBackward& args)
{
    withStorage(args.x.dtype, [&](auto s) {
        using S = decltype(s);
        using C = typename Arithmetic<S>::C;
        const std::int64_t width = args.x.cols;
        const S* gain = args.gain.as<S>();
        if (args.dGain)
            rmsNormGainGradient<S>(args);
        parallelRows(args.x.rows, 2 * width, [&](std::int64_t row) {
            const S* x = args.x.as<S>() + row * width;
            const S* dy = args.dy.as<S>() + row * width;
            S* dx = args.dx.as<S>() + row * width;
            const C inverse = RowNorm<S>::inverseRms(x, width, args.eps);
            typename Arithmetic<S>::V products{};
            constexpr int kLanes = Arithmetic<S>::kLanes;
            std::int64_t i = 0;
            for (; i + kLanes <= width; i += kLanes)
                products += load(dy + i) * load(gain + i) * load(x + i);
            C dot = sumOf(products);
            for (; i < width; ++i)
                dot += loadOne(dy + i) * loadOne(gain + i) * loadOne(x + i);
            const C pull = dot * inverse * inverse * inverse / static_cast<C>(width);
            const C before = args.accumulate ? C(1) : C(0);
            for (i = 0; i < width; ++i) {
                const C old = args.accumulate ? loadOne(dx + i) * before : C(0);
                storeOne(dx + i, old + loadOne(dy + i) * loadOne(gain + i) * inverse - loadOne(x + i) * pull);
            }
        });
    });
}

}  // namespace lorikeet::kernels::LORIKEET_ISA
