// SPDX-License-Identifier: GPL-3.0-or-later
// Shape promises of the ops, checked before a kernel is called.
#pragma once

#include "engine/base/check.h"
#include "engine/kernels/context.h"

#include <initializer_list>

namespace lorikeet::kernels {

/// The matrix is there.
inline void requirePresent(const char* op, const char* name, const Mat& x)
{
    LORIKEET_CHECK(x.data != nullptr, std::string(op) + ": " + name + " is missing");
}
/// All have the shape and the type of the first.
inline void requireSame(const char* op, const Mat& first, std::initializer_list<Mat> others)
{
    for (const Mat& other : others)
        LORIKEET_CHECK(other.data && other.rows == first.rows && other.cols == first.cols && other.dtype == first.dtype,
                       std::string(op) + ": " + describe(other) + " beside " + describe(first));
}
/// A row of `count` elements of this type.
inline void requireRow(const char* op, const char* name, const Mat& x, DType dtype, std::int64_t count)
{
    LORIKEET_CHECK(x.data && x.dtype == dtype && x.elements() == count,
                   std::string(op) + ": " + name + " is " + describe(x) + ", expected " + std::to_string(count) + " x " + std::string(nameOf(dtype)));
}
/// fp32 beside fp32 and bf16, fp64 on the reference path.
[[nodiscard]] inline DType statisticsType(DType dtype) { return dtype == DType::F64 ? DType::F64 : DType::F32; }

}  // namespace lorikeet::kernels
