// SPDX-License-Identifier: GPL-3.0-or-later
// Attention of bf16 operands on bf16 dot products: the tiles of attention_cpu.h with scores, probabilities and their gradient multiplied as
// bf16 pairs, sums and softmax in fp32. For head sizes that are even.
#pragma once

#include "engine/kernels/cpu/attention_backward_cpu.h"
#include "engine/kernels/cpu/attention_cpu.h"
#include "engine/kernels/cpu/dot_product.h"

namespace lorikeet::kernels::LORIKEET_ISA {

/// ForwardTile<BF16> on dot products.
class DotForwardTile : public ForwardTile<BF16> {
public:
    void run(const BF16* q, std::int64_t qStride, const BF16* k, const BF16* v, std::int64_t kvStride, std::int64_t first, std::int64_t rows,
             std::int64_t headSize, float scale, std::int64_t window)
    {
        begin(headSize);
        pairElements(m_queries, kTile, q, qStride, rows, headSize);
        const std::int64_t end = first + rows;
        for (std::int64_t key = windowStart(first, window) / kTile * kTile; key < end; key += kTile) {
            const std::int64_t keys = std::min(kTile, end - key);
            std::fill(m_scores, m_scores + keys * kTile, 0.0f);
            dotProduct(keys, kTile, headSize / 2, {k + key * kvStride, kvStride / 2, 1}, m_queries, kTile, m_scores, kTile);
            for (std::int64_t i = 0; i < keys * kTile; i += kFloatLanes)
                store(m_scores + i, load(m_scores + i) * scale);
            mask(first, rows, key, keys, window);
            softmax(keys);
            addValues(v + key * kvStride, kvStride, rows, keys);
        }
    }

private:
    void addValues(const BF16* v, std::int64_t stride, std::int64_t rows, std::int64_t keys)
    {
        const std::int64_t pairs = (keys + 1) / 2;
        for (std::int64_t pair = 0; pair < pairs; ++pair)
            for (std::int64_t r = 0; r < kTile; r += kFloatLanes) {
                const float* first = m_scores + 2 * pair * kTile + r;
                storePairs(m_probabilities + pair * kTile + r, load(first), 2 * pair + 1 < keys ? load(first + kTile) : Floats{});
            }
        pairRows(m_values, m_width, pairs, v, stride, keys, m_head);
        dotProduct(rows, m_width, pairs, {m_probabilities, 1, kTile}, m_values, m_width, m_out, m_width);
    }

    alignas(64) std::uint32_t m_queries[kMaxHeadSize / 2 * kTile];
    alignas(64) std::uint32_t m_values[kTile / 2 * kMaxHeadSize];
    alignas(64) std::uint32_t m_probabilities[kTile / 2 * kTile];
};

/// BackwardTask<BF16> on dot products.
class DotBackwardTask : public BackwardTask<BF16> {
public:
    using BackwardTask<BF16>::BackwardTask;

    void run()
    {
        for (std::int64_t key = 0; key < m_length; key += kTile)
            keyTile(key, std::min(kTile, m_length - key));
    }

private:
    void keyTile(std::int64_t key, std::int64_t keys)
    {
        const BF16* k = at<BF16>(a.k, key, m_kvHead);
        pairRows(m_keys, m_width, kTile / 2, k, a.k.cols, keys, m_head);
        pairElements(m_keysT, kTile, k, a.k.cols, keys, m_head);
        pairElements(m_valuesT, kTile, at<BF16>(a.v, key, m_kvHead), a.v.cols, keys, m_head);
        beginKeys();
        const std::int64_t lastQuery = a.window > 0 ? std::min(m_length, key + keys - 1 + a.window) : m_length;
        for (std::int64_t head = m_kvHead * m_group; head < (m_kvHead + 1) * m_group; ++head)
            for (std::int64_t query = key; query < lastQuery; query += kTile)
                pair(head, query, std::min(kTile, m_length - query), key, keys);
        endKeys(key, keys);
    }

    void pair(std::int64_t head, std::int64_t query, std::int64_t rows, std::int64_t key, std::int64_t keys)
    {
        const BF16* q = at<BF16>(a.q, query, head);
        const BF16* dout = at<BF16>(a.dout, query, head);
        const std::int64_t pairs = (rows + 1) / 2;
        pairRows(m_queries, m_width, pairs, q, a.q.cols, rows, m_head);
        pairRows(m_douts, m_width, pairs, dout, a.dout.cols, rows, m_head);
        std::fill(m_p, m_p + rows * kTile, 0.0f);
        std::fill(m_ds, m_ds + rows * kTile, 0.0f);
        dotProduct(rows, kTile, m_head / 2, {q, a.q.cols / 2, 1}, m_keysT, kTile, m_p, kTile);
        dotProduct(rows, kTile, m_head / 2, {dout, a.dout.cols / 2, 1}, m_valuesT, kTile, m_ds, kTile);
        for (std::int64_t i = 0; i < rows * kTile; i += kFloatLanes)
            store(m_p + i, load(m_p + i) * static_cast<float>(a.scale));
        probabilities(head, query, rows, key, keys);
        roundScores(rows);
        dotProduct(keys, m_width, pairs, {m_pPairs, 1, kTile}, m_douts, m_width, m_dv, m_width);
        dotProduct(keys, m_width, pairs, {m_dsPairs, 1, kTile}, m_queries, m_width, m_dk, m_width);
        std::fill(m_dq, m_dq + rows * m_width, 0.0f);
        dotProduct(rows, m_width, (keys + 1) / 2, {m_dsRows, kTile / 2, 1}, m_keys, m_width, m_dq, m_width);
        addToDq(head, query, rows, key);
    }

    /// p and ds as pairs of queries, ds as pairs of keys too.
    void roundScores(std::int64_t rows)
    {
        for (std::int64_t r = 0; r < rows; r += 2)
            for (std::int64_t j = 0; j < kTile; j += kFloatLanes) {
                const bool two = r + 1 < rows;
                const float* p = m_p + r * kTile + j;
                const float* ds = m_ds + r * kTile + j;
                storePairs(m_pPairs + r / 2 * kTile + j, load(p), two ? load(p + kTile) : Floats{});
                storePairs(m_dsPairs + r / 2 * kTile + j, load(ds), two ? load(ds + kTile) : Floats{});
            }
        for (std::int64_t i = 0; i < rows * kTile; i += kFloatLanes)
            store(m_dsRows + i, load(m_ds + i));
    }

    alignas(64) std::uint32_t m_keys[kTile / 2 * kMaxHeadSize];
    alignas(64) std::uint32_t m_keysT[kMaxHeadSize / 2 * kTile];
    alignas(64) std::uint32_t m_valuesT[kMaxHeadSize / 2 * kTile];
    alignas(64) std::uint32_t m_queries[kTile / 2 * kMaxHeadSize];
    alignas(64) std::uint32_t m_douts[kTile / 2 * kMaxHeadSize];
    alignas(64) std::uint32_t m_pPairs[kTile / 2 * kTile];
    alignas(64) std::uint32_t m_dsPairs[kTile / 2 * kTile];
    alignas(64) BF16 m_dsRows[kTile * kTile];
};

}  // namespace lorikeet::kernels::LORIKEET_ISA
