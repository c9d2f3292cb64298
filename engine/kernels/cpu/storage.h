// SPDX-License-Identifier: GPL-3.0-or-later
// From a matrix's element type to the C++ type a kernel is instantiated for, and loops over its elements.
#pragma once

#include "engine/kernels/cpu/parallel.h"
#include "engine/spec/dtype.h"

namespace lorikeet::kernels::LORIKEET_ISA {

/// Calls f(S{}) with the storage type of a matrix.
template <typename F>
void withStorage(DType dtype, const F& f)
{
    switch (dtype) {
    case DType::F32: return f(float{});
    case DType::BF16: return f(BF16{});
    case DType::F64: return f(double{});
    default: return;
    }
}

/// Runs vector(i) over whole vectors of an array and scalar(i) over the rest, in parallel blocks.
template <typename S, typename Vector, typename Scalar>
void elementwise(std::int64_t count, const Vector& vector, const Scalar& scalar)
{
    parallelBlocks(count, 16384, [&](std::int64_t begin, std::int64_t end) {
        std::int64_t i = begin;
        for (; i + Arithmetic<S>::kLanes <= end; i += Arithmetic<S>::kLanes)
            vector(i);
        for (; i < end; ++i)
            scalar(i);
    });
}

}  // namespace lorikeet::kernels::LORIKEET_ISA
