// SPDX-License-Identifier: GPL-3.0-or-later
// The forward pass of one tile of queries, on transposed scores (keys x queries): running maximum and sum are vectors over the queries.
#pragma once

#include "engine/kernels/cpu/attention_tiles.h"
#include "engine/kernels/cpu/tile_product.h"

#include <limits>

namespace lorikeet::kernels::LORIKEET_ISA {

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
        begin(headSize);
        copyTransposed(m_q, q, qStride, rows, headSize, scale);
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

protected:
    void begin(std::int64_t headSize)
    {
        m_head = headSize;
        m_width = paddedHead<C>(headSize);
        std::fill(m_out, m_out + kTile * m_width, C(0));
        std::fill(m_max, m_max + kTile, -std::numeric_limits<C>::infinity());
        std::fill(m_sum, m_sum + kTile, C(0));
    }
    void step(std::int64_t first, std::int64_t rows, std::int64_t key, std::int64_t keys, std::int64_t window)
    {
        std::fill(m_scores, m_scores + keys * kTile, C(0));
        tileProduct<C>(keys, kTile, m_head, {m_k, m_width, 1}, m_q, kTile, m_scores, kTile);
        mask(first, rows, key, keys, window);
        softmax(keys);
        tileProduct<C>(rows, m_width, keys, {m_scores, 1, kTile}, m_v, m_width, m_out, m_width);
    }
    /// What a query does not see scores -inf.
    void mask(std::int64_t first, std::int64_t rows, std::int64_t key, std::int64_t keys, std::int64_t window)
    {
        const bool diagonal = key + keys - 1 > first;
        const bool windowed = window > 0 && key < windowStart(first + rows - 1, window);
        if (diagonal || windowed)
            for (std::int64_t j = 0; j < keys; ++j)
                for (std::int64_t r = 0; r < kTile; ++r)
                    if (key + j > first + r || key + j < windowStart(first + r, window))
                        m_scores[j * kTile + r] = -std::numeric_limits<C>::infinity();
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

}  // namespace lorikeet::kernels::LORIKEET_ISA
