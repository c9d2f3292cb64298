// SPDX-License-Identifier: GPL-3.0-or-later
// Row norms, scaled outputs and the gradient of magnitudes (DoRA). A thread owns rows or columns: sums have one order.
#pragma once

#include "engine/kernels/cpu/storage.h"
#include "engine/kernels/dora.h"

#include <cmath>

namespace lorikeet::kernels::LORIKEET_ISA {

inline constexpr std::int64_t kDoraColumns = 64;

inline void rowNorms(Context&, const RowNorms& args)
{
    withStorage(args.x.dtype, [&](auto s) {
        using S = decltype(s);
        using C = typename Arithmetic<S>::C;
        constexpr std::int64_t kParts = 32;  // sums side by side, for the vector unit
        const std::int64_t width = args.x.cols;
        parallelRows(args.x.rows, width, [&](std::int64_t row) {
            const S* x = args.x.as<S>() + row * width;
            C parts[kParts] = {};
            std::int64_t i = 0;
            for (; i + kParts <= width; i += kParts)
                for (std::int64_t part = 0; part < kParts; ++part)
                    parts[part] += loadOne(x + i + part) * loadOne(x + i + part);
            for (; i < width; ++i)
                parts[0] += loadOne(x + i) * loadOne(x + i);
            C sum = 0;
            for (const C part : parts)
                sum += part;
            args.norms.as<C>()[row] = std::sqrt(sum);
        });
    });
}

inline void scaleColumns(Context&, const ScaleColumns& args)
{
    withStorage(args.x.dtype, [&](auto s) {
        using S = decltype(s);
        using C = typename Arithmetic<S>::C;
        const std::int64_t width = args.x.cols;
        const C* magnitude = args.magnitude.as<C>();
        const C* norms = args.norms.as<C>();
        const S* bias = args.bias.as<S>();
        parallelRows(args.x.rows, width, [&](std::int64_t row) {
            const S* x = args.x.as<S>() + row * width;
            S* y = args.y.as<S>() + row * width;
            for (std::int64_t i = 0; i < width; ++i) {
                const C scaled = loadOne(x + i) * (magnitude[i] / norms[i]);
                storeOne(y + i, bias ? scaled + loadOne(bias + i) : scaled);
            }
        });
    });
}

inline void magnitudeGradient(Context&, const MagnitudeGradient& args)
{
    withStorage(args.dy.dtype, [&](auto s) {
        using S = decltype(s);
        using C = typename Arithmetic<S>::C;
        const std::int64_t width = args.dy.cols;
        parallelBlocks(width, kDoraColumns, [&](std::int64_t begin, std::int64_t end) {
            C sums[kDoraColumns] = {};
            for (std::int64_t row = 0; row < args.dy.rows; ++row) {
                const S* dy = args.dy.as<S>() + row * width;
                const S* z = args.z.as<S>() + row * width;
                for (std::int64_t i = begin; i < end; ++i)
                    sums[i - begin] += loadOne(dy + i) * loadOne(z + i);
            }
            for (std::int64_t i = begin; i < end; ++i)
                args.dMagnitude.as<C>()[i] += sums[i - begin] / args.norms.as<C>()[i];
        });
    });
}

}  // namespace lorikeet::kernels::LORIKEET_ISA
