// SPDX-License-Identifier: GPL-3.0-or-later
// Planned room for splitting principal parts off the weights while loading them.
#pragma once

#include "engine/kernels/op_table.h"
#include "engine/lora/principal_part.h"
#include "engine/model/planned_memory.h"

namespace lorikeet::model {

/// Layout::principal as the search wants it: in host memory, with the CPU's kernels, whatever the device is.
[[nodiscard]] inline lora::PrincipalRoom principalRoom(PlannedMemory& memory)
{
    const plan::PrincipalBuffers& ids = memory.plan().layout.principal;
    lora::PrincipalRoom room;
    room.matrix = memory.mat(ids.matrix);
    room.left = memory.mat(ids.left);
    room.right = memory.mat(ids.right);
    room.core = memory.mat(ids.core);
    room.context.ops = &kernels::cpuOps();
    const Mat scratch = memory.mat(ids.scratch);
    room.context.matmulScratch = scratch.data;
    room.context.matmulScratchBytes = scratch ? scratch.bytes() : 0;
    return room;
}

}  // namespace lorikeet::model
