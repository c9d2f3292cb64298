// SPDX-License-Identifier: GPL-3.0-or-later
// The CPU's two tables; cpuOps() chooses.
#pragma once

#include "engine/kernels/op_table.h"

namespace lorikeet::kernels {

[[nodiscard]] const OpTable& avx2Table();
[[nodiscard]] const OpTable& avx512Table();

class CopyLane;
/// A thread that copies. The caller owns the result.
[[nodiscard]] CopyLane* makeCpuCopyLane(Context& context);

}  // namespace lorikeet::kernels
