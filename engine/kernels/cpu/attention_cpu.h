// SPDX-License-Identifier: GPL-3.0-or-later
// Attention on a CPU: tiles of 64 queries and 64 keys in thread-local buffers, fp32 sums (fp64 on the reference path).
//
// Forward works on transposed scores (keys x queries), so that running maximum and sum are vectors over the queries. Backward works on
// scores (queries x keys) with the keys transposed once per tile of keys; one task owns all query heads of a kv head in a document, so
// every gradient is summed by one thread in one order.
#pragma once

#include "engine/kernels/cpu/parallel.h"
#include "engine/kernels/cpu/rows_cpu.h"
#include "engine/kernels/cpu/tile_product.h"
#include "engine/kernels/op_table.h"

#include <limits>
#include <vector>

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

/// One tile of queries of one head against all keys before them.
template <typename S>
class ForwardTile {
    using C = typename Arithmetic<S>::C;
    using V = typename Arithmetic<S>::V;
    static constexpr int kLanes = Arithmetic<S>::kLanes;

public:
    /// Query rows [first, first + rows) of a sequence whose keys start at k and v; key index and query index count alike.
    void run(const S* q, std::int64_t qStride, const S* k, const S* v, std::int64_t kvStride, std::int64_t first, std::int64_t rows,
             std::int64_t headSize, C scale, std::int64_t window)
    {
        m_head = headSize;
        m_width = paddedHead<C>(headSize);
        copyTransposed(m_q, q, qStride, rows, headSize, scale);
        std::fill(m_out, m_out + kTile * m_width, C(0));
        std::fill(m_max, m_max + kTile, -std::numeric_limits<C>::infinity());
        std::fill(m_sum, m_sum + kTile, C(0));
        const std::int64_t end = first + rows;
        for (std::int64_t key = windowStart(first, window) / kTile * kTile; key < end; key += kTile) {
            const std::int64_t keys = std::min(kTile, end - key);
            copyTile(m_k, m_width, k + key * kvStride, kvStride, keys, headSize, C(1));
            copyTile(m_v, m_width, v + key * kvStride, kvStride, keys, headSize, C(1));
            step(first, rows, key, keys, window);
        }
    }
    /// Output row and log-sum-exp of query r.
    void finish(std::int64_t r, S* out, C* lse) const
    {
        const C inverse = C(1) / m_sum[r];
        for (std::int64_t i = 0; i < m_head; ++i)
            storeOne(out + i, m_out[r * m_width + i] * inverse);
        if (lse)
            *lse = m_max[r] + std::log(m_sum[r]);
    }

private:
    void step(std::int64_t first, std::int64_t rows, std::int64_t key, std::int64_t keys, std::int64_t window)
    {
        std::fill(m_scores, m_scores + keys * kTile, C(0));
        tileProduct<C>(keys, kTile, m_head, {m_k, m_width, 1}, m_q, kTile, m_scores, kTile);
        const bool diagonal = key + keys - 1 > first;
        const bool windowed = window > 0 && key < windowStart(first + rows - 1, window);
        if (diagonal || windowed)
            for (std::int64_t j = 0; j < keys; ++j)
                for (std::int64_t r = 0; r < kTile; ++r)
                    if (key + j > first + r || key + j < windowStart(first + r, window))
                        m_scores[j * kTile + r] = -std::numeric_limits<C>::infinity();
        softmax(keys);
        tileProduct<C>(rows, m_width, keys, {m_scores, 1, kTile}, m_v, m_width, m_out, m_width);
    }
    /// Running softmax over the tile (Milakov and Gimelshein 2018): rescales what was summed under the old maximum.
    void softmax(std::int64_t keys)
    {
        for (std::int64_t r = 0; r < kTile; r += kLanes) {
            V top = load(m_max + r);
            for (std::int64_t j = 0; j < keys; ++j)
                top = maxOf(load(m_scores + j * kTile + r), top);
            // A query that has seen no key yet (window) keeps its maximum at -inf: take 0 so that exp(-inf - 0) = 0.
            const V safe = maxOf(top, broadcast(C(-1e30)));
            V sum{};
            for (std::int64_t j = 0; j < keys; ++j) {
                const V p = expOf(load(m_scores + j * kTile + r) - safe);
                store(m_scores + j * kTile + r, p);
                sum += p;
            }
            const V rescale = expOf(load(m_max + r) - safe);
            store(m_sum + r, load(m_sum + r) * rescale + sum);
            store(m_max + r, top);
            C factors[kLanes];
            store(factors, rescale);
            for (int lane = 0; lane < kLanes; ++lane)
                if (factors[lane] != C(1))
                    for (std::int64_t i = 0; i < m_width; i += kLanes)
                        store(m_out + (r + lane) * m_width + i, load(m_out + (r + lane) * m_width + i) * factors[lane]);
        }
    }

    std::int64_t m_head = 0;
    std::int64_t m_width = 0;
    alignas(64) C m_q[kMaxHeadSize * kTile];
    alignas(64) C m_k[kTile * kMaxHeadSize];
    alignas(64) C m_v[kTile * kMaxHeadSize];
    alignas(64) C m_out[kTile * kMaxHeadSize];
    alignas(64) C m_scores[kTile * kTile];
    alignas(64) C m_max[kTile];
    alignas(64) C m_sum[kTile];
};

/// Documents cut into tiles of queries: the tasks of the forward pass, in a fixed order.
class TileList {
public:
    TileList(const std::int32_t* starts, std::int64_t documents) : m_starts(starts), m_documents(documents)
    {
        for (std::int64_t d = 0; d < documents; ++d)
            m_count += tilesOf(d);
    }
    [[nodiscard]] std::int64_t count() const { return m_count; }
    /// Document of tile `index`; `index` becomes the tile within it. Linear: a micro-batch has few documents.
    [[nodiscard]] std::int64_t documentOf(std::int64_t& index) const
    {
        std::int64_t d = 0;
        while (d + 1 < m_documents && index >= tilesOf(d))
            index -= tilesOf(d++);
        return d;
    }

private:
    [[nodiscard]] std::int64_t tilesOf(std::int64_t d) const { return (m_starts[d + 1] - m_starts[d] + kTile - 1) / kTile; }
    const std::int32_t* m_starts;
    std::int64_t m_documents;
    std::int64_t m_count = 0;
};

inline void zeroRowsBehind(const Mat& x, std::int64_t used)
{
    if (x && used < x.rows)
        std::memset(x.slice(used, 0).data, 0, static_cast<std::size_t>(x.bytes() - x.head(used).bytes()));
}

inline void attentionForward(Context&, const AttentionForward& args)
{
    withStorage(args.q.dtype, [&](auto s) {
        using S = decltype(s);
        using C = typename Arithmetic<S>::C;
        const auto* starts = args.documents.as<std::int32_t>();
        const TileList tiles(starts, args.documents.cols - 1);
        const std::int64_t heads = args.q.cols / args.headSize;
        const std::int64_t group = heads / (args.k.cols / args.headSize);
        parallelTasks(tiles.count() * heads, [&](std::int64_t task) {
            const std::int64_t head = task % heads;
            // Long tiles first: the last tiles of a document see the most keys.
            std::int64_t tile = tiles.count() - 1 - task / heads;
            const std::int64_t document = tiles.documentOf(tile);
            const std::int64_t start = starts[document];
            const std::int64_t first = tile * kTile;
            const std::int64_t rows = std::min(kTile, starts[document + 1] - start - first);
            const std::int64_t kvOffset = start * args.k.cols + head / group * args.headSize;
            const std::int64_t qOffset = (start + first) * args.q.cols + head * args.headSize;
            ForwardTile<S> work;
            work.run(args.q.as<S>() + qOffset, args.q.cols, args.k.as<S>() + kvOffset, args.v.as<S>() + kvOffset, args.k.cols, first, rows,
                     args.headSize, static_cast<C>(args.scale), args.window);
            for (std::int64_t r = 0; r < rows; ++r)
                work.finish(r, args.out.as<S>() + qOffset + r * args.q.cols,
                            args.lse ? args.lse.as<C>() + (start + first + r) * heads + head : nullptr);
        });
        const std::int64_t used = starts[args.documents.cols - 1];
        zeroRowsBehind(args.out, used);
        zeroRowsBehind(args.lse, used);
    });
}

inline void attentionCached(Context&, const AttentionCached& args)
{
    withStorage(args.q.dtype, [&](auto s) {
        using S = decltype(s);
        using C = typename Arithmetic<S>::C;
        const std::int64_t heads = args.q.cols / args.headSize;
        const std::int64_t group = heads / (args.keys.cols / args.headSize);
        const std::int64_t tiles = (args.q.rows + kTile - 1) / kTile;
        parallelTasks(tiles * heads, [&](std::int64_t task) {
            const std::int64_t head = task % heads;
            const std::int64_t row = task / heads * kTile;
            const std::int64_t rows = std::min(kTile, args.q.rows - row);
            const std::int64_t kvOffset = head / group * args.headSize;
            const std::int64_t qOffset = row * args.q.cols + head * args.headSize;
            ForwardTile<S> work;
            work.run(args.q.as<S>() + qOffset, args.q.cols, args.keys.as<S>() + kvOffset, args.values.as<S>() + kvOffset, args.keys.cols,
                     args.first + row, rows, args.headSize, static_cast<C>(args.scale), args.window);
            for (std::int64_t r = 0; r < rows; ++r)
                work.finish(r, args.out.as<S>() + qOffset + r * args.q.cols, nullptr);
        });
    });
}

}  // namespace lorikeet::kernels::LORIKEET_ISA
