// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/lora/pissa.h"

#include "engine/base/check.h"
#include "engine/lora/adapter.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lorikeet::lora {

namespace {

/// Twice the rank divides alpha by twice as much, or under rsLoRA by sqrt(2) as much.
double alphaFactor(bool rslora) { return rslora ? std::numbers::sqrt2 : 2.0; }

}  // namespace

Pissa::Pissa(std::span<const plan::AdapterSlot> slots, std::int64_t seed, PrincipalRoom& room, std::span<float> flat, bool known)
    : m_key(philoxKey(seed, RandomStream::PrincipalSearch)), m_room(room), m_flat(flat), m_known(known)
{
    for (const plan::AdapterSlot& slot : slots)
        m_slots.emplace(ParamId{ParamKind::LinearWeight, slot.layer, slot.linear}, &slot);
}

Pissa::Rows Pissa::residualOf(ParamId id, const Rows& original, const std::stop_token& stop)
{
    const auto found = m_slots.find(id);
    if (found == m_slots.end())
        return {};
    const plan::AdapterSlot& slot = *found->second;
    const Mat weight = m_room.matrix.part(0, slot.out, slot.in);
    original(0, slot.out, {weight.as<float>(), static_cast<std::size_t>(weight.elements())});
    const Mat a{matrixA(m_flat, slot).data(), DType::F32, slot.rank, slot.in};
    const Mat b{matrixB(m_flat, slot).data(), DType::F32, slot.out, slot.rank};
    if (!m_known)
        findPrincipalPart(m_room, weight, slot.scale, {m_key, static_cast<std::uint32_t>(slot.layer), static_cast<std::uint32_t>(slot.linear)}, a, b, stop);
    subtractPart(m_room, weight, slot.scale, a, b);
    return [weight](std::int64_t first, std::int64_t count, std::span<float> rows) {
        const Mat part = weight.slice(first, count);
        std::copy_n(part.as<float>(), static_cast<std::size_t>(part.elements()), rows.data());
    };
}

Job plainJobOf(const Job& job)
{
    Job plain = job;
    const double factor = alphaFactor(job.recipe.rslora);
    plain.recipe.adapterInit = "default";
    plain.recipe.rank *= 2;
    plain.recipe.alpha *= factor;
    for (auto& entry : plain.recipe.rankPattern)
        entry.second *= 2;
    for (auto& entry : plain.recipe.alphaPattern)
        entry.second *= factor;
    return plain;
}

std::vector<plan::AdapterSlot> plainSlotsOf(std::span<const plan::AdapterSlot> slots, bool rslora)
{
    std::vector<plan::AdapterSlot> plain(slots.begin(), slots.end());
    for (plan::AdapterSlot& slot : plain) {
        slot.rank *= 2;
        slot.alpha *= alphaFactor(rslora);
        slot.aOffset = slot.bOffset = 0;
    }
    return plain;
}

void toPlainAdapter(std::span<const plan::AdapterSlot> slots, std::span<const float> trained, std::span<const float> start,
                    std::span<const plan::AdapterSlot> plainSlots, std::span<float> plain)
{
    LORIKEET_CHECK(slots.size() == plainSlots.size() && trained.size() == start.size(), "toPlainAdapter: lengths");
    std::fill(plain.begin(), plain.end(), 0.0f);
    for (std::size_t i = 0; i < slots.size(); ++i) {
        const plan::AdapterSlot& slot = slots[i];
        const plan::AdapterSlot& target = plainSlots[i];
        LORIKEET_CHECK(target.rank == 2 * slot.rank && target.in == slot.in && target.out == slot.out, "toPlainAdapter: slots");
        const auto rank = static_cast<std::size_t>(slot.rank);
        const auto half = static_cast<std::ptrdiff_t>(rank) * slot.in;
        const std::span<float> a = matrixA(plain, target);
        std::copy_n(trained.begin() + slot.aOffset, half, a.begin());
        std::copy_n(start.begin() + slot.aOffset, half, a.begin() + half);
        const std::span<float> b = matrixB(plain, target);
        for (std::size_t row = 0; row < static_cast<std::size_t>(slot.out); ++row)
            for (std::size_t r = 0; r < rank; ++r) {
                const std::size_t at = static_cast<std::size_t>(slot.bOffset) + row * rank + r;
                b[row * 2 * rank + r] = trained[at];
                b[row * 2 * rank + rank + r] = -start[at];
            }
    }
}

}  // namespace lorikeet::lora
