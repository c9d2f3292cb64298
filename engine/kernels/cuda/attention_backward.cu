// SPDX-License-Identifier: GPL-3.0-or-later
// Attention backward without atomics: one warp owns a row of dq, another a row of dk and dv, so sums have one order.
#include "engine/kernels/cuda/attention.cuh"
#include "engine/kernels/cuda/launchers.cuh"

#include <cmath>

namespace lorikeet::kernels::cuda {

namespace {

template <typename S>
struct BackwardMats {
    S* dq;
    S* dk;
    S* dv;
    float* delta;
    const S* dout;
    const S* out;
    const float* lse;
    const S* q;
    const S* k;
    const S* v;
};

/// sum(a * b) over a head, in every lane.
template <typename S>
__device__ float warpDot(const float* a, const S* b, int count, int lane)
{
    float products = 0;
    for (int i = lane; i < count; i += kWarp)
        products += a[i] * load(b + i);
    return warpReduce(products, SumOf{});
}

/// delta = sum(dout * out) of a row and head, then dq = scale * sum over keys of p (dout v - delta) k.
template <typename S>
__global__ void attentionQueryGradientKernel(BackwardMats<S> m, Heads h)
{
    LORIKEET_SHARED(float, shared);
    const Task task = taskOf(h.heads);
    if (task.row >= h.rows)
        return;
    const std::int64_t queryOffset = task.row * h.queryWidth() + task.head * h.headSize;
    const std::int64_t statistic = task.row * h.heads + task.head;
    HeadSum sum;
    if (task.row >= h.usedRows()) {
        sum.write(m.dq + queryOffset, 0.0f, h.headSize, task.lane);
        if (task.lane == 0)
            m.delta[statistic] = 0.0f;
        return;
    }
    float* query = shared + task.warp * 2 * h.headSize;
    float* dout = query + h.headSize;
    copyHead(query, m.q + queryOffset, h.headSize, task.lane);
    copyHead(dout, m.dout + queryOffset, h.headSize, task.lane);
    const float delta = warpDot(dout, m.out + queryOffset, h.headSize, task.lane);
    const float lse = m.lse[statistic];
    const std::int64_t start = documentOf(h, task.row).start;
    const std::int64_t position = task.row - start;
    const std::int64_t firstKey = h.window > 0 && position - h.window + 1 > 0 ? position - h.window + 1 : 0;
    const std::int64_t offset = start * h.kvWidth() + h.kvHeadOf(task.head) * h.headSize;
    for (std::int64_t key = firstKey; key <= position; key += kWarp) {
        const std::int64_t own = offset + (key + task.lane) * h.kvWidth();
        float dScore = 0;
        if (key + task.lane <= position) {
            const float p = expf(dotProduct(query, m.k + own, h.headSize) * h.scale - lse);
            dScore = p * (dotProduct(dout, m.v + own, h.headSize) - delta);
        }
        for (int t = 0; t < kWarp && key + t <= position; ++t)
            sum.add(__shfl_sync(kAllLanes, dScore, t), m.k + offset + (key + t) * h.kvWidth(), h.headSize, task.lane);
    }
    sum.write(m.dq + queryOffset, h.scale, h.headSize, task.lane);
    if (task.lane == 0)
        m.delta[statistic] = delta;
}

/// dv = sum over later queries of p dout, dk = scale * sum of p (dout v - delta) q, over all query heads of the kv head in turn.
template <typename S>
__global__ void attentionKeyGradientKernel(BackwardMats<S> m, Heads h)
{
    LORIKEET_SHARED(float, shared);
    const Task task = taskOf(h.kvHeads);
    if (task.row >= h.rows)
        return;
    const std::int64_t kvOffset = task.row * h.kvWidth() + task.head * h.headSize;
    HeadSum dk;
    HeadSum dv;
    if (task.row < h.usedRows()) {
        float* key = shared + task.warp * 2 * h.headSize;
        float* value = key + h.headSize;
        copyHead(key, m.k + kvOffset, h.headSize, task.lane);
        copyHead(value, m.v + kvOffset, h.headSize, task.lane);
        const Span document = documentOf(h, task.row);
        const std::int64_t end = h.window > 0 && task.row + h.window < document.end ? task.row + h.window : document.end;
        const int group = h.heads / h.kvHeads;
        for (int head = task.head * group; head < (task.head + 1) * group; ++head) {
            for (std::int64_t row = task.row; row < end; row += kWarp) {
                const std::int64_t own = row + task.lane;
                float p = 0;
                float dScore = 0;
                if (own < end) {
                    const std::int64_t offset = own * h.queryWidth() + head * h.headSize;
                    p = expf(dotProduct(key, m.q + offset, h.headSize) * h.scale - m.lse[own * h.heads + head]);
                    dScore = p * (dotProduct(value, m.dout + offset, h.headSize) - m.delta[own * h.heads + head]);
                }
                for (int t = 0; t < kWarp && row + t < end; ++t) {
                    const std::int64_t offset = (row + t) * h.queryWidth() + head * h.headSize;
                    dk.add(__shfl_sync(kAllLanes, dScore, t), m.q + offset, h.headSize, task.lane);
                    dv.add(__shfl_sync(kAllLanes, p, t), m.dout + offset, h.headSize, task.lane);
                }
            }
        }
    }
    dk.write(m.dk + kvOffset, h.scale, h.headSize, task.lane);
    dv.write(m.dv + kvOffset, 1.0f, h.headSize, task.lane);
}

}  // namespace

bool launchAttentionBackward(Stream stream, const AttentionBackward& args)
{
    const Heads h{args.documents.as<std::int32_t>(),
                  static_cast<int>(args.documents.cols - 1),
                  args.q.rows,
                  0,
                  static_cast<int>(args.q.cols / args.headSize),
                  static_cast<int>(args.k.cols / args.headSize),
                  static_cast<int>(args.headSize),
                  static_cast<float>(args.scale),
                  args.window};
    const std::size_t sharedBytes = 2 * kAttentionWarps * static_cast<std::size_t>(args.headSize) * sizeof(float);
    const auto blocks = [&](int heads) { return (h.rows * heads + kAttentionWarps - 1) / kAttentionWarps; };
    return withStorage(args.q.dtype, [&](auto s) {
        using S = decltype(s);
        const BackwardMats<S> m{args.dq.as<S>(), args.dk.as<S>(), args.dv.as<S>(), args.delta.as<float>(), args.dout.as<S>(), args.out.as<S>(),
                                args.lse.as<float>(), args.q.as<S>(), args.k.as<S>(), args.v.as<S>()};
        LORIKEET_LAUNCH(attentionQueryGradientKernel<S>, blocks(h.heads), kAttentionWarps * kWarp, sharedBytes, stream, m, h);
        LORIKEET_LAUNCH(attentionKeyGradientKernel<S>, blocks(h.kvHeads), kAttentionWarps * kWarp, sharedBytes, stream, m, h);
    });
}

}  // namespace lorikeet::kernels::cuda
