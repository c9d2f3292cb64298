// SPDX-License-Identifier: GPL-3.0-or-later
// Storage types of the kernels: fp32 and bf16, computed in fp32; fp64 in conversions only. Rounding is the CPU's, bit for bit.
#pragma once

#include "engine/kernels/cuda/reduce.cuh"
#include "engine/spec/dtype.h"

#include <cstdint>
#include <cstring>

namespace lorikeet::kernels::cuda {

/// bf16 in memory: the upper half of an fp32.
struct BF16 {
    std::uint16_t bits;
};

/// What a storage type is computed in.
template <typename S>
struct Arithmetic {
    using C = float;
};
template <>
struct Arithmetic<double> {
    using C = double;
};

__device__ inline float load(const float* p) { return *p; }
__device__ inline double load(const double* p) { return *p; }
__device__ inline float load(const BF16* p)
{
    const std::uint32_t word = static_cast<std::uint32_t>(p->bits) << 16;
    float value;
    std::memcpy(&value, &word, sizeof value);
    return value;
}
__device__ inline void store(float* p, float value) { *p = value; }
__device__ inline void store(double* p, double value) { *p = value; }
__device__ inline void store(BF16* p, float value)
{
    // Round to nearest even; a NaN keeps its sign and stays a NaN.
    std::uint32_t word;
    std::memcpy(&word, &value, sizeof word);
    const bool isNan = (word & 0x7FFFFFFFu) > 0x7F800000u;
    p->bits = static_cast<std::uint16_t>(isNan ? (word >> 16) | 0x40u : (word + 0x7FFFu + ((word >> 16) & 1u)) >> 16);
}
/// The value as it is after a way through memory.
template <typename S>
__device__ inline float throughStorage(float value)
{
    S stored;
    store(&stored, value);
    return load(&stored);
}

/// Calls f(S{}) with the storage type of a matrix; false for a type that no kernel takes.
template <typename F>
bool withStorage(DType dtype, const F& f)
{
    if (dtype == DType::F32)
        f(float{});
    else if (dtype == DType::BF16)
        f(BF16{});
    else
        return false;
    return true;
}

}  // namespace lorikeet::kernels::cuda
