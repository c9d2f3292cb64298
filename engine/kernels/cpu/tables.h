// SPDX-License-Identifier: GPL-3.0-or-later
// The CPU's two tables; cpuOps() chooses.
#pragma once

#include "engine/kernels/op_table.h"

namespace lorikeet::kernels {

[[nodiscard]] const OpTable& avx2Table();
[[nodiscard]] const OpTable& avx512Table();

}  // namespace lorikeet::kernels
