// SPDX-License-Identifier: GPL-3.0-or-later
// Tiles of 64 rows of one head, copied out of the matrices and widened.
#pragma once

#include "engine/kernels/cpu/storage.h"

#include <algorithm>

namespace lorikeet::kernels::LORIKEET_ISA {

inline constexpr std::int64_t kTile = 64;
inline constexpr std::int64_t kMaxHeadSize = 256;

/// Copies rows of one head into a tile, widened to C, padded with zeros to `width` columns and kTile rows.
template <typename S, typename C>
void copyTile(C* tile, std::int64_t width, const S* source, std::int64_t stride, std::int64_t rows, std::int64_t headSize, C scale)
{
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t i = 0; i < headSize; ++i)
            tile[r * width + i] = static_cast<C>(loadOne(source + r * stride + i)) * scale;
    if (width > headSize)
        for (std::int64_t r = 0; r < rows; ++r)
            std::fill(tile + r * width + headSize, tile + (r + 1) * width, C(0));
    std::fill(tile + rows * width, tile + kTile * width, C(0));
}
/// The same, transposed: tile [headSize, kTile].
template <typename S, typename C>
void copyTransposed(C* tile, const S* source, std::int64_t stride, std::int64_t rows, std::int64_t headSize, C scale)
{
    for (std::int64_t i = 0; i < headSize; ++i)
        std::fill(tile + i * kTile + rows, tile + (i + 1) * kTile, C(0));
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t i = 0; i < headSize; ++i)
            tile[i * kTile + r] = static_cast<C>(loadOne(source + r * stride + i)) * scale;
}

template <typename C>
constexpr std::int64_t paddedHead(std::int64_t headSize)
{
    constexpr std::int64_t kLanes = Arithmetic<C>::kLanes;
    return (headSize + kLanes - 1) / kLanes * kLanes;
}

/// First key a query may see.
inline std::int64_t windowStart(std::int64_t query, std::int64_t window) { return window > 0 ? std::max<std::int64_t>(0, query - window + 1) : 0; }

}  // namespace lorikeet::kernels::LORIKEET_ISA
