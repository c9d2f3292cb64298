// SPDX-License-Identifier: GPL-3.0-or-later
// Room for splitting off principal parts (PiSSA) while loading.
#include "engine/plan/builder.h"
#include "engine/plan/principal.h"

#include <algorithm>

namespace lorikeet::plan {

void addPrincipal(Builder& b, const KernelCosts& costs, bool deviceIsHost)
{
    std::int64_t matrix = 0;
    std::int64_t left = 0;
    std::int64_t right = 0;
    std::int64_t columns = 0;
    for (const AdapterSlot& slot : b.plan.layout.trained.adapters) {
        const std::int64_t own = principalColumns(slot.rank, {slot.in, slot.out});
        matrix = std::max(matrix, slot.in * slot.out);
        left = std::max(left, own * slot.out);
        right = std::max(right, own * slot.in);
        columns = std::max(columns, own);
    }
    const Lifetime load = b.phase(Phase::Load);
    const auto add = [&](const char* name, DType dtype, std::int64_t count) {
        return deviceIsHost ? b.add(name, Category::Buffers, term::kPrincipal, dtype, {1, count}, load)
                            : b.addHost(name, term::kPrincipal, dtype, {1, count}, load);
    };
    PrincipalBuffers& room = b.plan.layout.principal;
    room.matrix = add("load.principal_matrix", DType::F32, matrix);
    room.left = add("load.principal_left", DType::F32, left);
    room.right = add("load.principal_right", DType::F32, right);
    room.core = add("load.principal_core", DType::F64, 2 * columns * columns);
    if (costs.principalScratchBytes > 0)
        room.scratch = add("load.principal_scratch", DType::U8, static_cast<std::int64_t>(costs.principalScratchBytes));
}

}  // namespace lorikeet::plan
