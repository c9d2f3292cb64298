// SPDX-License-Identifier: GPL-3.0-or-later
// The entries of the CPU's AVX-512 table that AVX512-BF16 replaces. LORIKEET_MAX_ISA=avx512 leaves them out.
#pragma once

#include "engine/kernels/op_table.h"

namespace lorikeet::kernels {

/// AVX-512's table with attention of bf16 operands on bf16 dot products.
[[nodiscard]] const OpTable& avx512Bf16Table();

}  // namespace lorikeet::kernels
