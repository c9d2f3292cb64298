// SPDX-License-Identifier: GPL-3.0-or-later
// Rotary positions and picking rows.
#pragma once

#include "engine/kernels/cpu/storage.h"
#include "engine/kernels/rope.h"
#include "engine/kernels/rows.h"

namespace lorikeet::kernels::LORIKEET_ISA {

inline void rope(Context&, const Rope& args)
{
    withStorage(args.x.dtype, [&](auto s) {
        using S = decltype(s);
        using C = typename Arithmetic<S>::C;
        const std::int64_t half = args.headSize / 2;
        const std::int64_t heads = args.x.cols / args.headSize;
        const auto* positions = args.positions.as<std::int32_t>();
        parallelRows(args.x.rows, args.x.cols, [&](std::int64_t row) {
            const float* cosines = args.table.as<float>() + positions[row] * args.headSize;
            const float* sines = cosines + half;
            for (std::int64_t head = 0; head < heads; ++head) {
                S* low = args.x.as<S>() + row * args.x.cols + head * args.headSize;
                S* high = low + half;
                for (std::int64_t i = 0; i < half; ++i) {
                    const C c = cosines[i];
                    const C n = args.inverse ? -sines[i] : sines[i];
                    const C a = loadOne(low + i);
                    const C b = loadOne(high + i);
                    storeOne(low + i, a * c - b * n);
                    storeOne(high + i, b * c + a * n);
                }
            }
        });
    });
}

inline void copyRow(const Mat& to, std::int64_t toRow, const Mat& from, std::int64_t fromRow)
{
    const std::uint64_t bytes = static_cast<std::uint64_t>(from.cols) * bytesOf(from.dtype);
    std::memcpy(to.as<char>() + static_cast<std::uint64_t>(toRow) * bytes, from.as<char>() + static_cast<std::uint64_t>(fromRow) * bytes, bytes);
}
inline void embed(Context&, const Embed& args)
{
    parallelRows(args.out.rows, args.out.cols, [&](std::int64_t row) { copyRow(args.out, row, args.table, args.tokens.as<std::int32_t>()[row]); });
}
inline void gatherRows(Context&, const GatherRows& args)
{
    parallelRows(args.out.rows, args.out.cols, [&](std::int64_t row) { copyRow(args.out, row, args.x, args.rows.as<std::int32_t>()[row]); });
}
inline void scatterRows(Context&, const ScatterRows& args)
{
    parallelRows(args.x.rows, args.x.cols, [&](std::int64_t row) { copyRow(args.out, args.rows.as<std::int32_t>()[row], args.x, row); });
}

}  // namespace lorikeet::kernels::LORIKEET_ISA
