// SPDX-License-Identifier: GPL-3.0-or-later
// From ggml blocks to fp32, bit-equal to ggml's reference (dequantize_row_* of ggml-quants.c, gguf-py quants.py): F32 F16 BF16 Q4_0
// Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K Q8_K IQ4_NL IQ4_XS.
#pragma once

#include "engine/formats/gguf_reader.h"

#include <cstddef>
#include <span>

namespace lorikeet::formats {

/// Whether dequantize() can widen this type.
[[nodiscard]] bool canDequantize(const GgufTypeInfo& type) noexcept;

/// Widens whole blocks: `blocks` holds target.size() / blockElements blocks, one after the other. The caller has checked
/// canDequantize(); a size that is not whole blocks is an internal error.
void dequantize(const GgufTypeInfo& type, std::span<const std::byte> blocks, std::span<float> target);

}  // namespace lorikeet::formats
