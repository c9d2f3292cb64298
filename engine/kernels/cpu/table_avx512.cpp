// SPDX-License-Identifier: GPL-3.0-or-later
// Compiled for avx512; see engine/kernels/CMakeLists.txt.
#include "engine/kernels/cpu/tables.h"

#include "engine/kernels/cpu/table_cpu.h"

namespace lorikeet::kernels {

const OpTable& avx512Table()
{
    static const OpTable table = [] {
        OpTable made = avx512::makeTable("cpu avx512");
        addUnfusedAvx512(made);
        return made;
    }();
    return table;
}

}  // namespace lorikeet::kernels
