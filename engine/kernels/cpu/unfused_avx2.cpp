// SPDX-License-Identifier: GPL-3.0-or-later
// Compiled for avx2 without fused multiply-add; see engine/kernels/CMakeLists.txt.
#include "engine/kernels/cpu/unfused_table.h"

#include "engine/kernels/cpu/dequantise_cpu.h"
#include "engine/kernels/cpu/optimizers_cpu.h"

namespace lorikeet::kernels {

void addUnfusedAvx2(OpTable& table)
{
    table.dequantise = avx2::dequantise;
    table.adamW8bit = avx2::adamW8bit;
    table.sgdMomentum = avx2::sgdMomentum;
    table.lion = avx2::lion;
}

}  // namespace lorikeet::kernels
