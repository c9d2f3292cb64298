// SPDX-License-Identifier: GPL-3.0-or-later
// Sums over rows: gradients of an embedding table and of a bias. A thread owns columns and goes through the rows in order.
#pragma once

#include "engine/kernels/cpu/storage.h"
#include "engine/kernels/weight_gradients.h"

namespace lorikeet::kernels::LORIKEET_ISA {

inline constexpr std::int64_t kSumColumns = 64;

inline void embedBackward(Context&, const EmbedBackward& args)
{
    withStorage(args.dx.dtype, [&](auto s) {
        using S = decltype(s);
        using C = typename Arithmetic<S>::C;
        const std::int64_t width = args.dx.cols;
        const auto* tokens = args.tokens.as<std::int32_t>();
        parallelBlocks(width, kSumColumns, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t row = 0; row < args.dx.rows; ++row) {
                const S* dx = args.dx.as<S>() + row * width;
                C* sum = args.dTable.as<C>() + tokens[row] * width;
                for (std::int64_t i = begin; i < end; ++i)
                    sum[i] += loadOne(dx + i);
            }
        });
    });
}

inline void sumRows(Context&, const SumRows& args)
{
    withStorage(args.dy.dtype, [&](auto s) {
        using S = decltype(s);
        using C = typename Arithmetic<S>::C;
        const std::int64_t width = args.dy.cols;
        parallelBlocks(width, kSumColumns, [&](std::int64_t begin, std::int64_t end) {
            C sums[kSumColumns] = {};
            for (std::int64_t row = 0; row < args.dy.rows; ++row) {
                const S* dy = args.dy.as<S>() + row * width;
                for (std::int64_t i = begin; i < end; ++i)
                    sums[i - begin] += loadOne(dy + i);
            }
            for (std::int64_t i = begin; i < end; ++i)
                args.dBias.as<C>()[i] += sums[i - begin];
        });
    });
}

}  // namespace lorikeet::kernels::LORIKEET_ISA
