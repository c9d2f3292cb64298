// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/plan/step_work.h"

namespace lorikeet::plan {

std::string_view nameOf(Work work) noexcept
{
    switch (work) {
    case Work::Matrices: return "matrices of the layers";
    case Work::Adapter: return "adapter";
    case Work::Attention: return "attention";
    case Work::Elementwise: return "norms, rope, gates";
    case Work::Head: return "head and loss";
    case Work::Recompute: return "recompute";
    case Work::Dequantise: return "dequantising";
    case Work::Optimizer: return "optimizer";
    case Work::Offload: return "offload";
    }
    return "?";
}

double StepCost::flops() const noexcept
{
    double sum = 0;
    for (const WorkAmount& amount : work)
        sum += amount.flops;
    return sum;
}

double StepCost::bytes() const noexcept
{
    double sum = 0;
    for (const WorkAmount& amount : work)
        sum += amount.bytes;
    return sum;
}

}  // namespace lorikeet::plan
