// SPDX-License-Identifier: GPL-3.0-or-later
// Compiled for avx2; see engine/kernels/CMakeLists.txt.
#include "engine/kernels/cpu/tables.h"

#include "engine/kernels/cpu/table_cpu.h"

namespace lorikeet::kernels {

const OpTable& avx2Table()
{
    static const OpTable table = [] {
        OpTable made = avx2::makeTable("cpu avx2");
        addUnfusedAvx2(made);
        return made;
    }();
    return table;
}

}  // namespace lorikeet::kernels
