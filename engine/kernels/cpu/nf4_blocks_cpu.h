// SPDX-License-Identifier: GPL-3.0-or-later
// NF4 by blocks: their scales, and 64 codes into numbers by shuffles.
#pragma once

#include "engine/kernels/cpu/storage.h"
#include "engine/kernels/dequantise.h"

#include <immintrin.h>

namespace lorikeet::kernels::LORIKEET_ISA {

/// The scale of each block of kNf4Block elements.
class Nf4Scales {
public:
    explicit Nf4Scales(const QuantMat& m)
        : m_plain(m.absmax.dtype == DType::F32 ? m.absmax.as<float>() : nullptr)
        , m_codes(m.absmax.as<std::uint8_t>())
        , m_nested(m.nestedAbsmax.as<float>())
        , m_map(m.nestedMap ? m.nestedMap.as<float>() : kSignedMap.data())
        , m_offset(m.nestedOffset ? *m.nestedOffset.as<float>() : 0.0f)
    {
    }
    [[nodiscard]] float operator()(std::int64_t block) const
    {
        return m_plain != nullptr ? m_plain[block] : m_map[m_codes[block]] * m_nested[block / kDoubleQuantBlock] + m_offset;
    }

private:
    const float* m_plain;
    const std::uint8_t* m_codes;
    const float* m_nested;
    const float* m_map;
    float m_offset;
};

/// The 16 values that a block's codes can have, in S.
template <typename S>
struct BlockValues {
    explicit BlockValues(float scale)
    {
        for (int i = 0; i < 16; i += kFloatLanes)
            store(values + i, load(kNf4Code.data() + i) * scale);
    }
    alignas(64) S values[16];
};

/// 32 bytes of codes into 64 bf16: bytes are looked up by shuffles in the low and the high half of the 16 values.
inline void decodeBlock(BF16* y, const std::uint8_t* codes, float scale)
{
    const BlockValues<BF16> table(scale);
    const __m128i first8 = _mm_load_si128(reinterpret_cast<const __m128i*>(table.values));
    const __m128i last8 = _mm_load_si128(reinterpret_cast<const __m128i*>(table.values + 8));
    const __m128i lowByte = _mm_set1_epi16(0xFF);
    const __m256i lowTable = _mm256_broadcastsi128_si256(_mm_packus_epi16(_mm_and_si128(first8, lowByte), _mm_and_si128(last8, lowByte)));
    const __m256i highTable = _mm256_broadcastsi128_si256(_mm_packus_epi16(_mm_srli_epi16(first8, 8), _mm_srli_epi16(last8, 8)));
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes));
    const __m256i nibble = _mm256_set1_epi8(0xF);
    const __m256i even = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble);
    const __m256i odd = _mm256_and_si256(bytes, nibble);
    // A vector is two lanes of 16 bytes: the first holds elements 0 to 31, the second 32 to 63.
    const auto decode = [&](const __m256i index, BF16* to) {
        const __m256i low = _mm256_shuffle_epi8(lowTable, index);
        const __m256i high = _mm256_shuffle_epi8(highTable, index);
        const __m256i a = _mm256_unpacklo_epi8(low, high);
        const __m256i b = _mm256_unpackhi_epi8(low, high);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_permute2x128_si256(a, b, 0x20));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 32), _mm256_permute2x128_si256(a, b, 0x31));
    };
    decode(_mm256_unpacklo_epi8(even, odd), y);
    decode(_mm256_unpackhi_epi8(even, odd), y + 16);
}

/// 32 bytes of codes into 64 fp32, looked up by permutations of the 16 values.
inline void decodeBlock(float* y, const std::uint8_t* codes, float scale)
{
    const BlockValues<float> table(scale);
    const __m128i nibble = _mm_set1_epi8(0xF);
    for (int i = 0; i < 4; ++i, y += 16) {
        const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes + 8 * i));
        const __m128i index = _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(bytes, 4), nibble), _mm_and_si128(bytes, nibble));
#if defined(__AVX512F__)
        // The forms with a mask: GCC 12 warns of the others (bug 105593).
        const __m512i wide = _mm512_maskz_cvtepu8_epi32(0xFFFF, index);
        _mm512_storeu_ps(y, _mm512_maskz_permutexvar_ps(0xFFFF, wide, _mm512_load_ps(table.values)));
#else
        const auto lookUp = [&](const __m256i wide) {
            const __m256 low = _mm256_permutevar8x32_ps(_mm256_load_ps(table.values), wide);
            const __m256 high = _mm256_permutevar8x32_ps(_mm256_load_ps(table.values + 8), wide);
            return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(wide, 28)));
        };
        _mm256_storeu_ps(y, lookUp(_mm256_cvtepu8_epi32(index)));
        _mm256_storeu_ps(y + 8, lookUp(_mm256_cvtepu8_epi32(_mm_srli_si128(index, 8))));
#endif
    }
}

}  // namespace lorikeet::kernels::LORIKEET_ISA
