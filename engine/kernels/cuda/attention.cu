// SPDX-License-Identifier: GPL-3.0-or-later
// Attention forward with a running softmax (Milakov and Gimelshein 2018, arXiv:1805.02867), over packed documents or a cache.
#include "engine/kernels/cuda/attention.cuh"
#include "engine/kernels/cuda/launchers.cuh"

#include <cmath>

namespace lorikeet::kernels::cuda {

namespace {

template <typename S>
__global__ void attentionForwardKernel(S* out, float* lse, const S* q, const S* k, const S* v, Heads h)
{
    LORIKEET_SHARED(float, shared);
    const Task task = taskOf(h.heads);
    if (task.row >= h.rows)
        return;
    out += task.row * h.queryWidth() + task.head * h.headSize;
    HeadSum sum;
    if (task.row >= h.usedRows()) {
        sum.write(out, 0.0f, h.headSize, task.lane);
        if (lse != nullptr && task.lane == 0)
            lse[task.row * h.heads + task.head] = 0.0f;
        return;
    }
    float* query = shared + task.warp * h.headSize;
    copyHead(query, q + task.row * h.queryWidth() + task.head * h.headSize, h.headSize, task.lane);
    const std::int64_t start = h.documents != nullptr ? documentOf(h, task.row).start : 0;
    const std::int64_t position = h.documents != nullptr ? task.row - start : h.first + task.row;
    const std::int64_t firstKey = h.window > 0 && position - h.window + 1 > 0 ? position - h.window + 1 : 0;
    const std::int64_t offset = start * h.kvWidth() + h.kvHeadOf(task.head) * h.headSize;
    float largest = -INFINITY;
    float weights = 0;
    for (std::int64_t key = firstKey; key <= position; key += kWarp) {
        const std::int64_t own = key + task.lane;
        const bool seen = own <= position;
        const float score = seen ? dotProduct(query, k + offset + own * h.kvWidth(), h.headSize) * h.scale : -INFINITY;
        const float newLargest = LargestOf{}(largest, warpReduce(score, LargestOf{}));
        const float weight = seen ? expf(score - newLargest) : 0.0f;
        const float shrink = expf(largest - newLargest);
        weights = weights * shrink + warpReduce(weight, SumOf{});
        sum.scaleBy(shrink);
        largest = newLargest;
        for (int t = 0; t < kWarp && key + t <= position; ++t)
            sum.add(__shfl_sync(kAllLanes, weight, t), v + offset + (key + t) * h.kvWidth(), h.headSize, task.lane);
    }
    sum.write(out, 1.0f / weights, h.headSize, task.lane);
    if (lse != nullptr && task.lane == 0)
        lse[task.row * h.heads + task.head] = largest + logf(weights);
}

template <typename S>
void launch(Stream stream, const Mat& out, const Mat& lse, const Mat& q, const Mat& k, const Mat& v, const Heads& h)
{
    LORIKEET_LAUNCH(attentionForwardKernel<S>, (h.rows * h.heads + kAttentionWarps - 1) / kAttentionWarps, kAttentionWarps * kWarp,
                    kAttentionWarps * h.headSize * sizeof(float), stream, out.as<S>(), lse.as<float>(), q.as<S>(), k.as<S>(), v.as<S>(), h);
}

}  // namespace

bool launchAttentionForward(Stream stream, const AttentionForward& args)
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
    return withStorage(args.q.dtype, [&](auto s) { launch<decltype(s)>(stream, args.out, args.lse, args.q, args.k, args.v, h); });
}

bool launchAttentionCached(Stream stream, const AttentionCached& args)
{
    const Heads h{nullptr,
                  0,
                  args.q.rows,
                  args.first,
                  static_cast<int>(args.q.cols / args.headSize),
                  static_cast<int>(args.keys.cols / args.headSize),
                  static_cast<int>(args.headSize),
                  static_cast<float>(args.scale),
                  args.window};
    return withStorage(args.q.dtype, [&](auto s) { launch<decltype(s)>(stream, args.out, {}, args.q, args.keys, args.values, h); });
}

}  // namespace lorikeet::kernels::cuda
