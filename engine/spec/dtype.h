// SPDX-License-Identifier: GPL-3.0-or-later
// Element types of buffers and of tensors in files.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace lorikeet {

/// Element type of a buffer. F64 exists for the reference path of the tests only.
enum class DType : std::uint8_t { F32, BF16, F16, F64, I32, I64, U8 };

[[nodiscard]] constexpr std::uint64_t bytesOf(DType type) noexcept
{
    switch (type) {
    case DType::F64:
    case DType::I64: return 8;
    case DType::F32:
    case DType::I32: return 4;
    case DType::BF16:
    case DType::F16: return 2;
    case DType::U8: return 1;
    }
    return 0;
}

/// "fp32", "bf16", "fp16", "fp64", "int32", "int64", "uint8".
[[nodiscard]] constexpr std::string_view nameOf(DType type) noexcept
{
    switch (type) {
    case DType::F32: return "fp32";
    case DType::BF16: return "bf16";
    case DType::F16: return "fp16";
    case DType::F64: return "fp64";
    case DType::I32: return "int32";
    case DType::I64: return "int64";
    case DType::U8: return "uint8";
    }
    return "?";
}

}  // namespace lorikeet
