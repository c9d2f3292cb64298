// SPDX-License-Identifier: GPL-3.0-or-later
// NF4 and int8 weights into numbers. Compiled without fused multiply-add: values are the reference's, bit for bit.
#pragma once

#include "engine/kernels/cpu/nf4_blocks_cpu.h"

#include <type_traits>

namespace lorikeet::kernels::LORIKEET_ISA {

inline void dequantiseNf4(const Dequantise& args)
{
    const std::int64_t first = args.firstRow * args.matrix.cols;
    const std::int64_t last = first + args.y.elements();
    const auto* codes = args.matrix.codes.as<std::uint8_t>();
    const Nf4Scales scaleOf(args.matrix);
    const std::int64_t firstBlock = first / kNf4Block;
    const std::int64_t blocks = (last + kNf4Block - 1) / kNf4Block - firstBlock;
    withStorage(args.y.dtype, [&](auto s) {
        using S = decltype(s);
        using C = typename Arithmetic<S>::C;
        S* y = args.y.as<S>();
        parallelBlocks(blocks, 128, [&](std::int64_t from, std::int64_t to) {
            for (std::int64_t block = firstBlock + from; block < firstBlock + to; ++block) {
                const float scale = scaleOf(block);
                const std::int64_t begin = block * kNf4Block;
                if constexpr (!std::is_same_v<S, double>)
                    if (begin >= first && begin + kNf4Block <= last) {
                        decodeBlock(y + (begin - first), codes + begin / 2, scale);
                        continue;
                    }
                // The ends of a slice, and of a tensor whose size is no multiple of a block.
                for (std::int64_t i = std::max(begin, first); i < std::min(begin + kNf4Block, last); ++i)
                    storeOne(y + (i - first), static_cast<C>(kNf4Code[(codes[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 0xF] * scale));
            }
        });
    });
}

inline Floats loadBytes(const std::int8_t* p)
{
#if defined(__AVX512F__)
    return _mm512_maskz_cvtepi32_ps(0xFFFF, _mm512_maskz_cvtepi8_epi32(0xFFFF, _mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#else
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
#endif
}

inline void dequantiseInt8(const Dequantise& args)
{
    const std::int64_t width = args.matrix.cols;
    withStorage(args.y.dtype, [&](auto s) {
        using S = decltype(s);
        using C = typename Arithmetic<S>::C;
        parallelRows(args.y.rows, width, [&](std::int64_t row) {
            const auto* codes = args.matrix.codes.as<std::int8_t>() + (args.firstRow + row) * width;
            const float scale = args.matrix.absmax.as<float>()[args.firstRow + row];
            S* y = args.y.as<S>() + row * width;
            std::int64_t i = 0;
            if constexpr (!std::is_same_v<S, double>)
                for (; i + kFloatLanes <= width; i += kFloatLanes)
                    store(y + i, loadBytes(codes + i) * scale * kInt8Step);
            for (; i < width; ++i)
                storeOne(y + i, static_cast<C>(static_cast<float>(codes[i]) * scale * kInt8Step));
        });
    });
}

inline void dequantise(Context&, const Dequantise& args)
{
    if (args.matrix.kind == Quantization::Nf4)
        dequantiseNf4(args);
    else
        dequantiseInt8(args);
}

}  // namespace lorikeet::kernels::LORIKEET_ISA
