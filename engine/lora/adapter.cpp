// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/lora/adapter.h"

#include "engine/base/check.h"
#include "engine/base/philox.h"

#include <algorithm>
#include <cmath>

namespace lorikeet::lora {

namespace {

std::span<float> cut(std::span<float> flat, std::int64_t offset, std::int64_t count)
{
    LORIKEET_CHECK(offset >= 0 && static_cast<std::size_t>(offset + count) <= flat.size(), "adapter slot outside the flat buffer");
    return flat.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(count));
}

}  // namespace

std::span<float> matrixA(std::span<float> flat, const plan::AdapterSlot& slot) { return cut(flat, slot.aOffset, slot.rank * slot.in); }

std::span<float> matrixB(std::span<float> flat, const plan::AdapterSlot& slot) { return cut(flat, slot.bOffset, slot.rank * slot.out); }

std::vector<AdapterPart> partsOf(const plan::AdapterSlot& slot)
{
    if (slot.dora)
        return {AdapterPart::A, AdapterPart::B, AdapterPart::Magnitude};
    return {AdapterPart::A, AdapterPart::B};
}

std::vector<std::uint64_t> shapeOfPart(const plan::AdapterSlot& slot, AdapterPart part)
{
    const auto rank = static_cast<std::uint64_t>(slot.rank);
    const auto out = static_cast<std::uint64_t>(slot.out);
    switch (part) {
    case AdapterPart::A: return {rank, static_cast<std::uint64_t>(slot.in)};
    case AdapterPart::B: return {out, rank};
    case AdapterPart::Magnitude: break;
    }
    return {out};
}

std::span<float> valuesOf(std::span<float> flat, const plan::AdapterSlot& slot, AdapterPart part)
{
    switch (part) {
    case AdapterPart::A: return matrixA(flat, slot);
    case AdapterPart::B: return matrixB(flat, slot);
    case AdapterPart::Magnitude: break;
    }
    return cut(flat, slot.mOffset, slot.out);
}

std::span<const float> valuesOf(std::span<const float> flat, const plan::AdapterSlot& slot, AdapterPart part)
{
    // The writable view knows the places; nothing is written.
    return valuesOf(std::span<float>(const_cast<float*>(flat.data()), flat.size()), slot, part);
}

void initialise(std::span<float> flat, std::span<const plan::AdapterSlot> slots, std::int64_t seed)
{
    std::fill(flat.begin(), flat.end(), 0.0f);
    const PhiloxKey key = philoxKey(seed, RandomStream::AdapterInit);
    for (const plan::AdapterSlot& slot : slots) {
        const std::span<float> a = matrixA(flat, slot);
        const float bound = 1.0f / std::sqrt(static_cast<float>(slot.in));
        for (std::size_t i = 0; i < a.size(); ++i) {
            const auto words = philox4x32({static_cast<std::uint32_t>(i / 4), static_cast<std::uint32_t>(slot.layer),
                                           static_cast<std::uint32_t>(slot.linear), 0},
                                          key);
            a[i] = bound * (2.0f * unitFloat(words[i % 4]) - 1.0f);
        }
    }
}

std::string modulePathOf(const plan::AdapterSlot& slot)
{
    return "model.layers." + std::to_string(slot.layer) + "." + lorikeet::modulePathOf(slot.linear);
}

std::string peftNameOf(const plan::AdapterSlot& slot, AdapterPart part)
{
    const char* suffix = part == AdapterPart::A ? ".lora_A.weight" : part == AdapterPart::B ? ".lora_B.weight" : ".lora_magnitude_vector";
    return "base_model.model." + modulePathOf(slot) + suffix;
}

}  // namespace lorikeet::lora
