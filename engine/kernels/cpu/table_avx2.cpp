// SPDX-License-Identifier: GPL-3.0-or-later
// Compiled for avx2; see engine/kernels/CMakeLists.txt.
#include "engine/kernels/cpu/tables.h"

#include "engine/kernels/cpu/table_cpu.h"

namespace lorikeet::kernels {

const OpTable& avx2Table()
{
    static const OpTable table = avx2::makeTable("cpu avx2");
    return table;
}

}  // namespace lorikeet::kernels
