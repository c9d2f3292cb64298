// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/kernels/cpu/bf16_dot_table.h"
#include "engine/kernels/cpu/tables.h"

#include "engine/base/error.h"
#include "engine/base/system.h"

#include <cstdlib>
#include <string_view>

namespace lorikeet::kernels {

const OpTable& cpuOps()
{
    static const OpTable& table = []() -> const OpTable& {
        const Processor cpu = processor();
        if (!cpu.avx2)
            throw Error(ErrorCode::Device, "this processor (" + cpu.name + ") has no AVX2, which Lorikeet's kernels need",
                        "use a processor from 2013 or later");
        const char* limit = std::getenv("LORIKEET_MAX_ISA");
        const std::string_view most = limit ? limit : "";
        if (!cpu.avx512 || most == "avx2")
            return avx2Table();
        return cpu.avx512Bf16 && most != "avx512" ? avx512Bf16Table() : avx512Table();
    }();
    return table;
}

}  // namespace lorikeet::kernels
