// SPDX-License-Identifier: GPL-3.0-or-later
// Attention on a CPU: tiles of 64 queries and 64 keys in thread-local buffers, fp32 sums (fp64 on the reference path).
//
// Forward works on transposed scores (keys x queries), so that running maximum and sum are vectors over the queries. Backward works on
// scores (queries x keys) with the keys transposed once per tile of keys; one task owns all query heads of a kv head in a document, so
// every gradient is summed by one thread in one order.
#pragma once

#include "engine/kernels/attention.h"
#include "engine/kernels/cpu/attention_forward_tile.h"

namespace lorikeet::kernels::LORIKEET_ISA {

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

template <typename S, typename Tile>
void attentionForwardWith(const AttentionForward& args)
{
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
        Tile work;
        work.run(args.q.as<S>() + qOffset, args.q.cols, args.k.as<S>() + kvOffset, args.v.as<S>() + kvOffset, args.k.cols, first, rows,
                 args.headSize, static_cast<C>(args.scale), args.window);
        for (std::int64_t r = 0; r < rows; ++r)
            work.finish(r, args.out.as<S>() + qOffset + r * args.q.cols,
                        args.lse ? args.lse.as<C>() + (start + first + r) * heads + head : nullptr);
    });
    const std::int64_t used = starts[args.documents.cols - 1];
    zeroRowsBehind(args.out, used);
    zeroRowsBehind(args.lse, used);
}

inline void attentionForward(Context&, const AttentionForward& args)
{
    withStorage(args.q.dtype, [&](auto s) { attentionForwardWith<decltype(s), ForwardTile<decltype(s)>>(args); });
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
