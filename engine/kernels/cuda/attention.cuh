// SPDX-License-Identifier: GPL-3.0-or-later
// What our attention kernels share: a warp works on one row of one head, its lanes on 32 keys (or queries) at a time and then on the
// elements of a head. Correct for every head size and fp32; bf16 jobs use LibTorch's flash attention where it takes the head size.
#pragma once

#include "engine/kernels/cuda/storage.cuh"

namespace lorikeet::kernels::cuda {

inline constexpr int kAttentionWarps = 4;
inline constexpr int kMostHeadParts = 8;  ///< 256 elements of a head, 32 at a time

/// The packed rows and how heads lie in them.
struct Heads {
    const std::int32_t* documents;  ///< nullptr: a cache, see `first`
    int documentCount;
    std::int64_t rows;   ///< rows of q
    std::int64_t first;  ///< position of row 0 in the cache
    int heads;
    int kvHeads;
    int headSize;
    float scale;
    std::int64_t window;

    __device__ std::int64_t queryWidth() const { return static_cast<std::int64_t>(heads) * headSize; }
    __device__ std::int64_t kvWidth() const { return static_cast<std::int64_t>(kvHeads) * headSize; }
    __device__ std::int64_t usedRows() const { return documents != nullptr ? documents[documentCount] : rows; }
    __device__ int kvHeadOf(int head) const { return head / (heads / kvHeads); }
};

/// The document of a row: its first row and the row behind it.
struct Span {
    std::int64_t start;
    std::int64_t end;
};
__device__ inline Span documentOf(const Heads& h, std::int64_t row)
{
    int low = 0;
    int high = h.documentCount;
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        // Empty documents have equal starts: the last of them holds the row.
        if (h.documents[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    return {h.documents[low], h.documents[low + 1]};
}

/// The warp's task: `row` of `head`; a block has kAttentionWarps of them.
struct Task {
    std::int64_t row;
    int head;
    int lane;
    int warp;
};
__device__ inline Task taskOf(int heads)
{
    const int warp = static_cast<int>(threadIdx.x) / kWarp;
    const std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * kAttentionWarps + warp;
    return {index / heads, static_cast<int>(index % heads), static_cast<int>(threadIdx.x) % kWarp, warp};
}

template <typename S>
__device__ float dotProduct(const float* a, const S* b, int count)
{
    float sum = 0;
    for (int i = 0; i < count; ++i)
        sum += a[i] * load(b + i);
    return sum;
}

/// target[i] = source[i] in fp32, for the whole warp.
template <typename S>
__device__ void copyHead(float* target, const S* source, int count, int lane)
{
    for (int i = lane; i < count; i += kWarp)
        target[i] = load(source + i);
    __syncwarp();
}

/// Elements of a head spread over the lanes.
struct HeadSum {
    float parts[kMostHeadParts] = {};

    __device__ void scaleBy(float factor)
    {
        for (float& part : parts)
            part *= factor;
    }
    template <typename S>
    __device__ void add(float weight, const S* source, int count, int lane)
    {
        for (int c = 0; c < kMostHeadParts; ++c)
            if (c * kWarp + lane < count)
                parts[c] += weight * load(source + c * kWarp + lane);
    }
    template <typename S>
    __device__ void write(S* target, float factor, int count, int lane) const
    {
        for (int c = 0; c < kMostHeadParts; ++c)
            if (c * kWarp + lane < count)
                store(target + c * kWarp + lane, parts[c] * factor);
    }
};

}  // namespace lorikeet::kernels::cuda
