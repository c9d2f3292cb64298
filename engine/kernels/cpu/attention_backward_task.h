// SPDX-License-Identifier: GPL-3.0-or-later
// Gradient of attention for one kv head of one document; see attention_cpu.h.
#pragma once

#include "engine/kernels/attention.h"
#include "engine/kernels/cpu/attention_tiles.h"
#include "engine/kernels/cpu/tile_product.h"

namespace lorikeet::kernels::LORIKEET_ISA {

/// One kv head of one document: all tiles of keys, and for each all query heads of the group and the tiles of queries behind it.
template <typename S>
class BackwardTask {
    using C = typename Arithmetic<S>::C;
    using V = typename Arithmetic<S>::V;
    static constexpr int kLanes = Arithmetic<S>::kLanes;

public:
    BackwardTask(const AttentionBackward& args, std::int64_t start, std::int64_t length, std::int64_t kvHead)
        : a(args), m_start(start), m_length(length), m_kvHead(kvHead), m_head(args.headSize), m_width(paddedHead<C>(args.headSize)),
          m_heads(args.q.cols / args.headSize), m_group(m_heads / (args.k.cols / args.headSize))
    {
    }

    void run()
    {
        for (std::int64_t key = 0; key < m_length; key += kTile)
            keyTile(key, std::min(kTile, m_length - key));
    }

protected:
    template <typename T>
    [[nodiscard]] T* at(const Mat& x, std::int64_t row, std::int64_t head) const
    {
        return x.as<T>() + (m_start + row) * x.cols + head * m_head;
    }

    void keyTile(std::int64_t key, std::int64_t keys)
    {
        const std::int64_t kvStride = a.k.cols;
        copyTile(m_k, m_width, at<S>(a.k, key, m_kvHead), kvStride, keys, m_head, C(1));
        copyTransposed(m_kT, at<S>(a.k, key, m_kvHead), kvStride, keys, m_head, static_cast<C>(a.scale));
        copyTransposed(m_vT, at<S>(a.v, key, m_kvHead), kvStride, keys, m_head, C(1));
        beginKeys();
        const std::int64_t lastQuery = a.window > 0 ? std::min(m_length, key + keys - 1 + a.window) : m_length;
        for (std::int64_t head = m_kvHead * m_group; head < (m_kvHead + 1) * m_group; ++head)
            for (std::int64_t query = key; query < lastQuery; query += kTile)
                pair(head, query, std::min(kTile, m_length - query), key, keys);
        endKeys(key, keys);
    }
    void beginKeys()
    {
        std::fill(m_dk, m_dk + kTile * m_width, C(0));
        std::fill(m_dv, m_dv + kTile * m_width, C(0));
    }
    void endKeys(std::int64_t key, std::int64_t keys)
    {
        for (std::int64_t j = 0; j < keys; ++j)
            for (std::int64_t i = 0; i < m_head; ++i) {
                storeOne(at<S>(a.dk, key + j, m_kvHead) + i, m_dk[j * m_width + i] * static_cast<C>(a.scale));
                storeOne(at<S>(a.dv, key + j, m_kvHead) + i, m_dv[j * m_width + i]);
            }
    }

    /// One tile of queries against one tile of keys.
    void pair(std::int64_t head, std::int64_t query, std::int64_t rows, std::int64_t key, std::int64_t keys)
    {
        copyTile(m_q, m_width, at<S>(a.q, query, head), a.q.cols, rows, m_head, C(1));
        copyTile(m_do, m_width, at<S>(a.dout, query, head), a.dout.cols, rows, m_head, C(1));
        std::fill(m_p, m_p + rows * kTile, C(0));
        std::fill(m_ds, m_ds + rows * kTile, C(0));
        tileProduct<C>(rows, kTile, m_head, {m_q, m_width, 1}, m_kT, kTile, m_p, kTile);
        tileProduct<C>(rows, kTile, m_head, {m_do, m_width, 1}, m_vT, kTile, m_ds, kTile);
        probabilities(head, query, rows, key, keys);
        tileProduct<C>(keys, m_width, rows, {m_p, 1, kTile}, m_do, m_width, m_dv, m_width);
        tileProduct<C>(keys, m_width, rows, {m_ds, 1, kTile}, m_q, m_width, m_dk, m_width);
        std::fill(m_dq, m_dq + rows * m_width, C(0));
        tileProduct<C>(rows, m_width, keys, {m_ds, kTile, 1}, m_k, m_width, m_dq, m_width);
        addToDq(head, query, rows, key);
    }

    /// p = exp(s - lse), ds = p (dp - delta); masked pairs are zero.
    void probabilities(std::int64_t head, std::int64_t query, std::int64_t rows, std::int64_t key, std::int64_t keys)
    {
        for (std::int64_t r = 0; r < rows; ++r) {
            const std::int64_t row = m_start + query + r;
            const C lse = a.lse.as<C>()[row * m_heads + head];
            const C delta = a.delta.as<C>()[row * m_heads + head];
            C* p = m_p + r * kTile;
            C* ds = m_ds + r * kTile;
            for (std::int64_t j = 0; j < kTile; j += kLanes) {
                const V probability = expOf(load(p + j) - broadcast(lse));
                store(p + j, probability);
                store(ds + j, probability * (load(ds + j) - broadcast(delta)));
            }
            const std::int64_t end = std::min(keys, query + r - key + 1);
            for (std::int64_t j = std::max<std::int64_t>(0, end); j < kTile; ++j)
                p[j] = ds[j] = C(0);
            const std::int64_t begin = std::min(keys, windowStart(query + r, a.window) - key);
            for (std::int64_t j = 0; j < begin; ++j)
                p[j] = ds[j] = C(0);
        }
    }

    /// The first tile of keys a query sees writes, the others add. fp32 sums where the operands are bf16.
    void addToDq(std::int64_t head, std::int64_t query, std::int64_t rows, std::int64_t key)
    {
        for (std::int64_t r = 0; r < rows; ++r) {
            const bool first = key <= windowStart(query + r, a.window) / kTile * kTile;
            C* sum = at<C>(a.sum ? a.sum : a.dq, query + r, head);
            for (std::int64_t i = 0; i < m_head; ++i)
                sum[i] = (first ? C(0) : sum[i]) + m_dq[r * m_width + i] * static_cast<C>(a.scale);
        }
    }

    const AttentionBackward& a;
    std::int64_t m_start;
    std::int64_t m_length;
    std::int64_t m_kvHead;
    std::int64_t m_head;
    std::int64_t m_width;
    std::int64_t m_heads;
    std::int64_t m_group;
    alignas(64) C m_q[kTile * kMaxHeadSize];
    alignas(64) C m_do[kTile * kMaxHeadSize];
    alignas(64) C m_k[kTile * kMaxHeadSize];
    alignas(64) C m_kT[kMaxHeadSize * kTile];
    alignas(64) C m_vT[kMaxHeadSize * kTile];
    alignas(64) C m_dk[kTile * kMaxHeadSize];
    alignas(64) C m_dv[kTile * kMaxHeadSize];
    alignas(64) C m_dq[kTile * kMaxHeadSize];
    alignas(64) C m_p[kTile * kTile];
    alignas(64) C m_ds[kTile * kTile];
};

}  // namespace lorikeet::kernels::LORIKEET_ISA
