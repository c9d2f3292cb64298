// SPDX-License-Identifier: GPL-3.0-or-later
// Sums, bias, conversion, zero.
#pragma once

#include "engine/kernels/cpu/storage.h"
#include "engine/kernels/elementwise.h"

namespace lorikeet::kernels::LORIKEET_ISA {

inline void add(Context&, const Add& args)
{
    withStorage(args.y.dtype, [&](auto s) {
        using S = decltype(s);
        const S* a = args.a.as<S>();
        const S* b = args.b.as<S>();
        S* y = args.y.as<S>();
        elementwise<S>(
            args.y.elements(), [&](std::int64_t i) { store(y + i, load(a + i) + load(b + i)); },
            [&](std::int64_t i) { storeOne(y + i, loadOne(a + i) + loadOne(b + i)); });
    });
}

inline void addBias(Context&, const AddBias& args)
{
    withStorage(args.x.dtype, [&](auto s) {
        using S = decltype(s);
        const S* bias = args.bias.as<S>();
        parallelRows(args.x.rows, args.x.cols, [&](std::int64_t row) {
            S* x = args.x.as<S>() + row * args.x.cols;
            for (std::int64_t i = 0; i < args.x.cols; ++i)
                storeOne(x + i, loadOne(x + i) + loadOne(bias + i));
        });
    });
}

inline void convert(Context&, const Convert& args)
{
    withStorage(args.y.dtype, [&](auto to) {
        withStorage(args.x.dtype, [&](auto from) {
            using To = decltype(to);
            using From = decltype(from);
            using C = typename Arithmetic<To>::C;
            To* y = args.y.as<To>();
            const From* x = args.x.as<From>();
            parallelBlocks(args.y.elements(), 16384, [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end; ++i)
                    storeOne(y + i, static_cast<C>(loadOne(x + i)) * static_cast<C>(args.scale));
            });
        });
    });
}

inline void fillZero(Context&, const Mat& x)
{
    parallelBlocks(static_cast<std::int64_t>(x.bytes()), 1 << 18, [&](std::int64_t begin, std::int64_t end) {
        std::memset(x.as<char>() + begin, 0, static_cast<std::size_t>(end - begin));
    });
}

/// Partial sums over blocks of a fixed size, added in order: the thread count does not change a bit.
inline double sumOfSquares(Context&, const Mat& x)
{
    constexpr std::int64_t kBlock = 65536;
    constexpr std::int64_t kBlocksAtOnce = 64;
    double total = 0;
    withStorage(x.dtype, [&](auto s) {
        using S = decltype(s);
        const S* p = x.as<S>();
        for (std::int64_t start = 0; start < x.elements(); start += kBlock * kBlocksAtOnce) {
            double partial[kBlocksAtOnce] = {};
            const std::int64_t count = std::min(x.elements() - start, kBlock * kBlocksAtOnce);
            parallelBlocks(count, kBlock, [&](std::int64_t begin, std::int64_t end) {
                double sum = 0;
                for (std::int64_t i = start + begin; i < start + end; ++i)
                    sum += static_cast<double>(loadOne(p + i)) * static_cast<double>(loadOne(p + i));
                partial[begin / kBlock] = sum;
            });
            for (const double part : partial)
                total += part;
        }
    });
    return total;
}

}  // namespace lorikeet::kernels::LORIKEET_ISA
