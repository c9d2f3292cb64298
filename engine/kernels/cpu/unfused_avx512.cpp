// SPDX-License-Identifier: GPL-3.0-or-later
// Compiled for avx512 without fused multiply-add; see engine/kernels/CMakeLists.txt.
#include "engine/kernels/cpu/unfused_table.h"

#include "engine/kernels/cpu/dequantise_cpu.h"
#include "engine/kernels/cpu/optimizers_cpu.h"

namespace lorikeet::kernels {

void addUnfusedAvx512(OpTable& table)
{
    table.dequantise = avx512::dequantise;
    table.adamW8bit = avx512::adamW8bit;
    table.sgdMomentum = avx512::sgdMomentum;
    table.lion = avx512::lion;
}

}  // namespace lorikeet::kernels
