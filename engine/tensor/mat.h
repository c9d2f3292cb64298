// SPDX-License-Identifier: GPL-3.0-or-later
// A view of a planned buffer as rows: pointer, element type, rows, columns. Kernels see nothing else.
#pragma once

#include "engine/spec/dtype.h"

#include <cstddef>
#include <cstdint>

namespace lorikeet::tensor {

/// Row-major matrix somewhere in an arena; does not own. A vector is a matrix of one row. On a CUDA device `data` is a device
/// pointer.
struct Mat {
    void* data = nullptr;
    DType dtype = DType::F32;
    std::int64_t rows = 0;
    std::int64_t cols = 0;

    [[nodiscard]] explicit operator bool() const noexcept { return data != nullptr; }
    [[nodiscard]] std::int64_t elements() const noexcept { return rows * cols; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return static_cast<std::uint64_t>(elements()) * bytesOf(dtype); }

    /// The first `count` rows.
    [[nodiscard]] Mat head(std::int64_t count) const noexcept { return {data, dtype, count, cols}; }
    /// Rows [first, first + count).
    [[nodiscard]] Mat slice(std::int64_t first, std::int64_t count) const noexcept
    {
        auto* bytePtr = static_cast<std::byte*>(data) + static_cast<std::uint64_t>(first * cols) * bytesOf(dtype);
        return {bytePtr, dtype, count, cols};
    }
    /// `rowCount` x `colCount` elements from element `offset` on, dense; none of none.
    [[nodiscard]] Mat part(std::int64_t offset, std::int64_t rowCount, std::int64_t colCount) const noexcept
    {
        if (data == nullptr)
            return {};
        return {static_cast<std::byte*>(data) + static_cast<std::uint64_t>(offset) * bytesOf(dtype), dtype, rowCount, colCount};
    }
    /// The same elements as another shape (rows x cols must agree).
    [[nodiscard]] Mat reshaped(std::int64_t newRows, std::int64_t newCols) const noexcept { return {data, dtype, newRows, newCols}; }

    template <typename T>
    [[nodiscard]] T* as() const noexcept { return static_cast<T*>(data); }
};

}  // namespace lorikeet::tensor
