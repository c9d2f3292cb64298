// SPDX-License-Identifier: GPL-3.0-or-later
// Small matrix products on tiles that lie in cache: the inner loop of attention.
#pragma once

#include "engine/kernels/cpu/isa.h"

namespace lorikeet::kernels::LORIKEET_ISA {

/// Operand A of a tile product: element (m, k) at data[m * rowStride + k * columnStride], so a transposed tile needs no copy.
template <typename C>
struct TileA {
    const C* data;
    std::int64_t rowStride;
    std::int64_t columnStride;
};

/// kRows x (kVectors * lanes) of c += A b, accumulators in registers.
template <typename C, int kRows, int kVectors>
inline void tileBlock(TileA<C> a, const C* b, std::int64_t ldb, C* c, std::int64_t ldc, std::int64_t depth)
{
    using V = typename Arithmetic<C>::V;
    constexpr int kLanes = Arithmetic<C>::kLanes;
    V sum[kRows][kVectors];
    for (int r = 0; r < kRows; ++r)
        for (int v = 0; v < kVectors; ++v)
            sum[r][v] = load(c + r * ldc + v * kLanes);
    for (std::int64_t k = 0; k < depth; ++k) {
        V row[kVectors];
        for (int v = 0; v < kVectors; ++v)
            row[v] = load(b + k * ldb + v * kLanes);
        for (int r = 0; r < kRows; ++r) {
            const V x = broadcast(a.data[r * a.rowStride + k * a.columnStride]);
            for (int v = 0; v < kVectors; ++v)
                sum[r][v] += x * row[v];
        }
    }
    for (int r = 0; r < kRows; ++r)
        for (int v = 0; v < kVectors; ++v)
            store(c + r * ldc + v * kLanes, sum[r][v]);
}

template <typename C, int kVectors>
inline void tileColumns(std::int64_t rows, TileA<C> a, const C* b, std::int64_t ldb, C* c, std::int64_t ldc, std::int64_t depth)
{
    constexpr int kRows = 4;
    std::int64_t r = 0;
    for (; r + kRows <= rows; r += kRows)
        tileBlock<C, kRows, kVectors>({a.data + r * a.rowStride, a.rowStride, a.columnStride}, b, ldb, c + r * ldc, ldc, depth);
    for (; r < rows; ++r)
        tileBlock<C, 1, kVectors>({a.data + r * a.rowStride, a.rowStride, a.columnStride}, b, ldb, c + r * ldc, ldc, depth);
}

/// c [rows, columns] += A [rows, depth] b [depth, columns]; columns a multiple of the lanes, b and c row-major.
template <typename C>
inline void tileProduct(std::int64_t rows, std::int64_t columns, std::int64_t depth, TileA<C> a, const C* b, std::int64_t ldb, C* c, std::int64_t ldc)
{
    constexpr int kLanes = Arithmetic<C>::kLanes;
    constexpr int kVectors = kLanes == 16 ? 4 : 2;
    std::int64_t column = 0;
    for (; column + kVectors * kLanes <= columns; column += kVectors * kLanes)
        tileColumns<C, kVectors>(rows, a, b + column, ldb, c + column, ldc, depth);
    for (; column < columns; column += kLanes)
        tileColumns<C, 1>(rows, a, b + column, ldb, c + column, ldc, depth);
}

}  // namespace lorikeet::kernels::LORIKEET_ISA
