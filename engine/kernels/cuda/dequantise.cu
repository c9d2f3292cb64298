// SPDX-License-Identifier: GPL-3.0-or-later
// NF4 and int8 weights into numbers, bit for bit the CPU's: a thread turns 4 (int8: 8) bytes of codes into 8 elements and stores them in
// words of 16 bytes; slices that start elsewhere go element by element.
#include "engine/kernels/cuda/launchers.cuh"
#include "engine/kernels/cuda/storage.cuh"

#include <type_traits>

namespace lorikeet::kernels::cuda {

namespace {

__constant__ std::array<float, 16> g_nf4Code = kNf4Code;
__constant__ DynamicMap g_scaleMap = kSignedMap;

constexpr int kElementsAtOnce = 8;
constexpr int kNf4SharedBytes = (16 + 256) * 4;

struct alignas(16) StoredWord {
    std::uint64_t low;
    std::uint64_t high;
};

/// The buffers of a QuantMat of NF4; `plain` is null where scales are doubly quantised, `map` where they use the usual map.
struct Nf4Buffers {
    const std::uint8_t* codes;
    const float* plain;
    const std::uint8_t* absmax;
    const float* nested;
    const float* offset;
    const float* map;
};

/// y[k] = values[k], in words of 16 bytes where Count allows.
template <int Count, typename S>
__device__ void storeAll(S* y, const S* values)
{
    if constexpr (Count == 1) {
        *y = *values;
    } else {
        for (unsigned w = 0; w < Count * sizeof(S) / sizeof(StoredWord); ++w)
            reinterpret_cast<StoredWord*>(y)[w] = reinterpret_cast<const StoredWord*>(values)[w];
    }
}

/// Elements [first, first + count) of the matrix; with Count = 8 both are multiples of 8.
template <typename S, int Count>
__global__ void nf4Kernel(S* y, Nf4Buffers b, std::int64_t first, std::int64_t count)
{
    LORIKEET_SHARED(float, code);
    float* map = code + 16;
    for (unsigned i = threadIdx.x; i < 256; i += blockDim.x) {
        if (i < 16)
            code[i] = g_nf4Code[i];
        map[i] = b.map != nullptr ? b.map[i] : g_scaleMap[i];
    }
    __syncthreads();
    for (std::int64_t n = firstElement(); n < count / Count; n += elementStride()) {
        const std::int64_t i = first + n * Count;
        const std::int64_t block = i / kNf4Block;
        const float scale = b.plain != nullptr ? b.plain[block] : __fadd_rn(__fmul_rn(map[b.absmax[block]], b.nested[block / kDoubleQuantBlock]), *b.offset);
        alignas(16) S values[Count];
        if constexpr (Count == 1) {
            store(values, code[(b.codes[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 0xF] * scale);
        } else {
            const std::uint32_t word = *reinterpret_cast<const std::uint32_t*>(b.codes + i / 2);
            for (int k = 0; k < Count; ++k)
                store(values + k, code[(word >> (8 * (k / 2) + (k % 2 == 0 ? 4 : 0))) & 0xF] * scale);
        }
        storeAll<Count>(y + n * Count, values);
    }
}

/// As above; `width` is a multiple of Count, so that eight elements share a row.
template <typename S, int Count>
__global__ void int8Kernel(S* y, const std::uint8_t* codes, const float* scales, std::int64_t first, std::int64_t count, std::int64_t width)
{
    using Word = std::conditional_t<Count == 1, std::uint8_t, std::uint64_t>;
    for (std::int64_t n = firstElement(); n < count / Count; n += elementStride()) {
        const std::int64_t i = first + n * Count;
        const float scale = scales[i / width];
        const Word word = *reinterpret_cast<const Word*>(codes + i);
        alignas(16) S values[Count];
        for (int k = 0; k < Count; ++k)
            store(values + k, static_cast<float>(static_cast<std::int8_t>(word >> (8 * k) & 0xFF)) * scale * kInt8Step);
        storeAll<Count>(y + n * Count, values);
    }
}

/// Calls launch(integral_constant Count): 8 where the slice begins and ends at multiples of 8 and the pointers are aligned.
template <typename F>
void withCount(const Dequantise& args, std::int64_t first, std::int64_t count, const F& launch)
{
    const auto codes = reinterpret_cast<std::uintptr_t>(args.matrix.codes.data);
    const auto y = reinterpret_cast<std::uintptr_t>(args.y.data);
    const bool rowsFit = args.matrix.kind == Quantization::Nf4 || args.matrix.cols % kElementsAtOnce == 0;
    if (rowsFit && first % kElementsAtOnce == 0 && count % kElementsAtOnce == 0 && codes % 8 == 0 && y % sizeof(StoredWord) == 0)
        launch(std::integral_constant<int, kElementsAtOnce>{});
    else
        launch(std::integral_constant<int, 1>{});
}

}  // namespace

bool launchDequantise(Stream stream, const Dequantise& args)
{
    const QuantMat& m = args.matrix;
    const std::int64_t first = args.firstRow * m.cols;
    const std::int64_t count = args.y.elements();
    const Nf4Buffers buffers{m.codes.as<std::uint8_t>(),        m.absmax.dtype == DType::F32 ? m.absmax.as<float>() : nullptr,
                             m.absmax.as<std::uint8_t>(),       m.nestedAbsmax.as<float>(),
                             m.nestedOffset.as<float>(),        m.nestedMap.as<float>()};
    return withStorage(args.y.dtype, [&](auto s) {
        using S = decltype(s);
        withCount(args, first, count, [&](auto perThread) {
            constexpr int kCount = decltype(perThread)::value;
            const auto nf4 = nf4Kernel<S, kCount>;
            const auto int8 = int8Kernel<S, kCount>;
            const std::int64_t grid = blocksFor(count / kCount);
            if (m.kind == Quantization::Nf4)
                LORIKEET_LAUNCH(nf4, grid, kThreads, kNf4SharedBytes, stream, args.y.as<S>(), buffers, first, count);
            else
                LORIKEET_LAUNCH(int8, grid, kThreads, 0, stream, args.y.as<S>(), buffers.codes, m.absmax.as<float>(), first, count, m.cols);
        });
    });
}

}  // namespace lorikeet::kernels::cuda
