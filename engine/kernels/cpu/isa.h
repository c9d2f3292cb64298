// SPDX-License-Identifier: GPL-3.0-or-later
// Vectors of the instruction set a file is compiled for. The kernels of this folder are compiled twice (AVX2, AVX-512), each time in a
// namespace of its own so that the linker never mixes them.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX512BF16__)
#define LORIKEET_ISA avx512bf16
#elif defined(__AVX512F__)
#define LORIKEET_ISA avx512
#else
#define LORIKEET_ISA avx2
#endif

namespace lorikeet::kernels::LORIKEET_ISA {

/// bf16 in memory: the upper half of an fp32.
struct BF16 {
    std::uint16_t bits;
};

#if defined(__AVX512F__)
inline constexpr int kFloatLanes = 16;
#else
inline constexpr int kFloatLanes = 8;
#endif
using Floats = float __attribute__((vector_size(4 * kFloatLanes)));
using Words = std::uint32_t __attribute__((vector_size(4 * kFloatLanes)));
using Ints = std::int32_t __attribute__((vector_size(4 * kFloatLanes)));
using Halves = std::uint16_t __attribute__((vector_size(2 * kFloatLanes)));

/// What a storage type S is computed in: C, and its vector V of kLanes. fp64 is the reference path: one lane, plain arithmetic.
template <typename S>
struct Arithmetic {
    using C = float;
    using V = Floats;
    static constexpr int kLanes = kFloatLanes;
};
template <>
struct Arithmetic<double> {
    using C = double;
    using V = double;
    static constexpr int kLanes = 1;
};

inline Floats load(const float* p)
{
    Floats v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
inline double load(const double* p) { return *p; }
inline Floats load(const BF16* p)
{
    Halves h;
    std::memcpy(&h, p, sizeof h);
    const Words w = __builtin_convertvector(h, Words) << 16;
    return reinterpret_cast<Floats>(w);
}
inline void store(float* p, Floats v) { std::memcpy(p, &v, sizeof v); }
inline void store(double* p, double v) { *p = v; }
inline void store(BF16* p, Floats v)
{
    // Round to nearest even; a NaN keeps its sign and stays a NaN.
    const Words w = reinterpret_cast<Words>(v);
    const Words rounded = (w + 0x7FFFu + ((w >> 16) & 1u)) >> 16;
    const Words nan = (w >> 16) | 0x40u;
    const auto isNan = (w & 0x7FFFFFFFu) > 0x7F800000u;
    const Halves h = __builtin_convertvector(isNan ? nan : rounded, Halves);
    std::memcpy(p, &h, sizeof h);
}

inline float loadOne(const float* p) { return *p; }
inline double loadOne(const double* p) { return *p; }
inline float loadOne(const BF16* p)
{
    const std::uint32_t w = static_cast<std::uint32_t>(p->bits) << 16;
    float f;
    std::memcpy(&f, &w, sizeof f);
    return f;
}
inline void storeOne(float* p, float v) { *p = v; }
inline void storeOne(double* p, double v) { *p = v; }
inline void storeOne(BF16* p, float v)
{
    std::uint32_t w;
    std::memcpy(&w, &v, sizeof w);
    p->bits = static_cast<std::uint16_t>((w & 0x7FFFFFFFu) > 0x7F800000u ? (w >> 16) | 0x40u : (w + 0x7FFFu + ((w >> 16) & 1u)) >> 16);
}
/// v rounded to the storage type and back, as a value that went through memory.
template <typename S, typename C>
inline C throughStorage(C v)
{
    S s;
    storeOne(&s, v);
    return loadOne(&s);
}

inline Floats broadcast(float f) { return Floats{} + f; }
inline double broadcast(double d) { return d; }

/// Sum of the lanes in a fixed order (halves first).
inline float sumOf(Floats v)
{
    float lanes[kFloatLanes];
    std::memcpy(lanes, &v, sizeof v);
    for (int width = kFloatLanes / 2; width > 0; width /= 2)
        for (int i = 0; i < width; ++i)
            lanes[i] += lanes[i + width];
    return lanes[0];
}
inline double sumOf(double v) { return v; }
inline Floats maxOf(Floats a, Floats b) { return a > b ? a : b; }
inline double maxOf(double a, double b) { return a > b ? a : b; }
inline float largestOf(Floats v)
{
    float best = v[0];
    for (int i = 1; i < kFloatLanes; ++i)
        best = v[i] > best ? v[i] : best;
    return best;
}
inline double largestOf(double v) { return v; }

/// e^x after Cephes (S. Moshier): x = n ln 2 + r, a polynomial for e^r, n into the exponent. Below -87.3 the result is 0; NaN stays.
inline Floats expOf(Floats x)
{
    const auto tooSmall = x < -87.33654f;
    const Floats clamped = x > 88.37626f ? broadcast(88.37626f) : x;
    const Floats magic = broadcast(12582912.0f);
    const Floats n = (clamped * 1.44269504088896341f + magic) - magic;
    const Floats r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
    Floats p = broadcast(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    const Ints exponent = (__builtin_convertvector(tooSmall ? Floats{} : n, Ints) + 127) << 23;
    const Floats result = p * reinterpret_cast<Floats>(exponent);
    return tooSmall ? Floats{} : result;
}
inline double expOf(double x) { return std::exp(x); }

}  // namespace lorikeet::kernels::LORIKEET_ISA
