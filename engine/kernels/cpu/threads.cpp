// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/kernels/threads.h"

#include <omp.h>

#include <algorithm>

namespace lorikeet::kernels {

void setCpuThreads(int threads) { omp_set_num_threads(std::max(1, threads)); }

int cpuThreads() { return omp_get_max_threads(); }

}  // namespace lorikeet::kernels
