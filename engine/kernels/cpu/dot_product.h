// SPDX-License-Identifier: GPL-3.0-or-later
// Small products of bf16 pairs on tiles that lie in cache (AVX512-BF16: two products and a sum per lane, sums in fp32). A word is two
// neighbours in the summed direction, the first in its lower half.
#pragma once

#include "engine/kernels/cpu/isa.h"

#include <immintrin.h>

namespace lorikeet::kernels::LORIKEET_ISA {

/// Operand A of a product: pair k of row m at data + (m * rowStride + k * pairStride) words.
struct PairsA {
    const void* data;
    std::int64_t rowStride;
    std::int64_t pairStride;

    [[nodiscard]] PairsA from(std::int64_t row) const { return {static_cast<const char*>(data) + 4 * row * rowStride, rowStride, pairStride}; }
    [[nodiscard]] std::int32_t at(std::int64_t row, std::int64_t pair) const
    {
        std::int32_t word;
        std::memcpy(&word, static_cast<const char*>(data) + 4 * (row * rowStride + pair * pairStride), sizeof word);
        return word;
    }
};

template <int kRows, int kVectors>
inline void dotBlock(PairsA a, const std::uint32_t* b, std::int64_t ldb, float* c, std::int64_t ldc, std::int64_t pairs)
{
    __m512 sum[kRows][kVectors];
    for (int r = 0; r < kRows; ++r)
        for (int v = 0; v < kVectors; ++v)
            sum[r][v] = _mm512_loadu_ps(c + r * ldc + v * 16);
    for (std::int64_t k = 0; k < pairs; ++k) {
        __m512i row[kVectors];
        for (int v = 0; v < kVectors; ++v)
            row[v] = _mm512_loadu_si512(b + k * ldb + v * 16);
        for (int r = 0; r < kRows; ++r) {
            const __m512i x = _mm512_set1_epi32(a.at(r, k));
            for (int v = 0; v < kVectors; ++v)
                sum[r][v] = _mm512_dpbf16_ps(sum[r][v], reinterpret_cast<__m512bh>(x), reinterpret_cast<__m512bh>(row[v]));
        }
    }
    for (int r = 0; r < kRows; ++r)
        for (int v = 0; v < kVectors; ++v)
            _mm512_storeu_ps(c + r * ldc + v * 16, sum[r][v]);
}

template <int kVectors>
inline void dotColumns(std::int64_t rows, PairsA a, const std::uint32_t* b, std::int64_t ldb, float* c, std::int64_t ldc, std::int64_t pairs)
{
    constexpr int kRows = 4;
    std::int64_t r = 0;
    for (; r + kRows <= rows; r += kRows)
        dotBlock<kRows, kVectors>(a.from(r), b, ldb, c + r * ldc, ldc, pairs);
    for (; r < rows; ++r)
        dotBlock<1, kVectors>(a.from(r), b, ldb, c + r * ldc, ldc, pairs);
}

/// c [rows, columns] += A [rows, 2 pairs] B [2 pairs, columns]; columns a multiple of 16, b as [pairs, ldb] words.
inline void dotProduct(std::int64_t rows, std::int64_t columns, std::int64_t pairs, PairsA a, const std::uint32_t* b, std::int64_t ldb, float* c, std::int64_t ldc)
{
    constexpr int kVectors = 4;
    std::int64_t column = 0;
    for (; column + kVectors * 16 <= columns; column += kVectors * 16)
        dotColumns<kVectors>(rows, a, b + column, ldb, c + column, ldc, pairs);
    for (; column < columns; column += 16)
        dotColumns<1>(rows, a, b + column, ldb, c + column, ldc, pairs);
}

/// Two rows of fp32 as words, rounded to nearest even: lane i = (first[i], second[i]).
inline void storePairs(std::uint32_t* to, Floats first, Floats second)
{
    const auto rounded = [](Floats x) {
        const Words w = reinterpret_cast<Words>(x);
        return w + 0x7FFFu + ((w >> 16) & 1u);
    };
    const Words pair = (rounded(first) >> 16) | (rounded(second) & 0xFFFF0000u);
    std::memcpy(to, &pair, sizeof pair);
}

/// Rows of one head (row-major bf16) as words over pairs of rows: to [kPairs, width], zeros behind `rows` and behind the head.
inline void pairRows(std::uint32_t* to, std::int64_t width, std::int64_t allPairs, const BF16* from, std::int64_t stride, std::int64_t rows, std::int64_t head)
{
    for (std::int64_t pair = 0; pair < allPairs; ++pair) {
        std::uint32_t* line = to + pair * width;
        const BF16* first = from + 2 * pair * stride;
        const bool one = 2 * pair < rows;
        const bool two = 2 * pair + 1 < rows;
        for (std::int64_t i = 0; i < head; ++i)
            line[i] = (one ? std::uint32_t{first[i].bits} : 0u) | (two ? std::uint32_t{first[stride + i].bits} << 16 : 0u);
        for (std::int64_t i = head; i < width; ++i)
            line[i] = 0;
    }
}

/// Rows of one head as words over pairs of its elements, transposed: to [head / 2, columns], zeros behind `rows`.
inline void pairElements(std::uint32_t* to, std::int64_t columns, const BF16* from, std::int64_t stride, std::int64_t rows, std::int64_t head)
{
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t i = 0; i < head / 2; ++i)
            std::memcpy(to + i * columns + r, from + r * stride + 2 * i, sizeof *to);
    for (std::int64_t r = rows; r < columns; ++r)
        for (std::int64_t i = 0; i < head / 2; ++i)
            to[i * columns + r] = 0;
}

}  // namespace lorikeet::kernels::LORIKEET_ISA
