// SPDX-License-Identifier: GPL-3.0-or-later
// Ops whose results are a reference's bit for bit. They are compiled without fused multiply-add, apart from the others.
#pragma once

#include "engine/kernels/op_table.h"

namespace lorikeet::kernels {

/// Enters dequantise, adamW8bit, sgdMomentum and lion of an instruction set into its table.
void addUnfusedAvx2(OpTable& table);
void addUnfusedAvx512(OpTable& table);

}  // namespace lorikeet::kernels
