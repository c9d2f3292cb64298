// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/train/plain_adapter.h"

#include "engine/base/check.h"
#include "engine/lora/adapter.h"
#include "engine/lora/pissa.h"
#include "engine/train/run_folder.h"
#include "engine/train/start_file.h"

#include <algorithm>

namespace lorikeet::train {

PlainAdapter plainAdapterOf(const Job& job, const std::filesystem::path& runFolder, const plan::Trained& trained, std::vector<float> masters)
{
    if (!startsFromPrincipalParts(job))
        return {job, trained.adapters, std::move(masters)};
    std::vector<float> start(masters.size());
    readStart(runFolder, readRunRecord(runFolder).startHash, start);
    PlainAdapter plain{lora::plainJobOf(job), lora::plainSlotsOf(trained.adapters, job.recipe.rslora), {}};
    std::int64_t elements = 0;
    for (plan::AdapterSlot& slot : plain.slots) {
        slot.aOffset = elements;
        slot.bOffset = elements + slot.rank * slot.in;
        elements = slot.bOffset + slot.rank * slot.out;
    }
    plain.flat.resize(static_cast<std::size_t>(elements));
    lora::toPlainAdapter(trained.adapters, masters, start, plain.slots, plain.flat);
    return plain;
}

std::vector<float> laidOutBy(std::span<const plan::AdapterSlot> slots, std::int64_t elements, const PlainAdapter& adapter)
{
    LORIKEET_CHECK(slots.size() == adapter.slots.size(), "laidOutBy: slots");
    std::vector<float> flat(static_cast<std::size_t>(elements));
    for (std::size_t i = 0; i < slots.size(); ++i) {
        const plan::AdapterSlot& from = adapter.slots[i];
        LORIKEET_CHECK(slots[i].rank == from.rank && slots[i].dora == from.dora && slots[i].in == from.in && slots[i].out == from.out, "laidOutBy: sizes");
        std::copy_n(adapter.flat.begin() + from.aOffset, from.rank * from.in, lora::matrixA(flat, slots[i]).begin());
        std::copy_n(adapter.flat.begin() + from.bOffset, from.rank * from.out, lora::matrixB(flat, slots[i]).begin());
        if (from.dora)
            std::ranges::copy(lora::valuesOf(std::span<const float>(adapter.flat), from, lora::AdapterPart::Magnitude),
                              lora::valuesOf(std::span<float>(flat), slots[i], lora::AdapterPart::Magnitude).begin());
    }
    return flat;
}

}  // namespace lorikeet::train
