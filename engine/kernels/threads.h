// SPDX-License-Identifier: GPL-3.0-or-later
// The size of the process's one OpenMP pool, which our kernels, oneDNN and LibTorch share.
#pragma once

namespace lorikeet::kernels {

/// Threads of every later parallel loop started from the calling thread. The same number gives the same bits.
void setCpuThreads(int threads);
[[nodiscard]] int cpuThreads();

}  // namespace lorikeet::kernels
