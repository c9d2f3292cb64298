// SPDX-License-Identifier: GPL-3.0-or-later
// PiSSA (Meng et al. 2024, arXiv:2404.02948): the adapter starts as the principal part of each weight, and the frozen weight becomes the
// rest. What was trained is a plain LoRA adapter of twice the rank over the untouched base model.
#pragma once

#include "engine/lora/principal_part.h"
#include "engine/plan/layout.h"
#include "engine/spec/job.h"

#include <functional>
#include <map>
#include <span>
#include <vector>

namespace lorikeet::lora {

/// Splits the weights of a model one after the other, while they are loaded.
class Pissa {
public:
    /// Rows [first, first + count) of a weight in fp32.
    using Rows = std::function<void(std::int64_t first, std::int64_t count, std::span<float> rows)>;

    /// `flat` (as TrainedState::set takes it) receives every A and B; with `known` it has them already, from the first start of a run that
    /// goes on. `room` and `flat` must outlive it.
    Pissa(std::span<const plan::AdapterSlot> slots, std::int64_t seed, PrincipalRoom& room, std::span<float> flat, bool known);

    /// W - scale B A of an adapted weight in fp32, valid until the next call; nothing for other parameters. The job's storage comes after:
    /// rounded to bf16 or quantised, it is the rest and not W that loses (QPiSSA). @throws Error{Cancelled}, what `original` throws.
    [[nodiscard]] Rows residualOf(ParamId id, const Rows& original, const std::stop_token& stop);

private:
    std::map<ParamId, const plan::AdapterSlot*> m_slots;
    PhiloxKey m_key;
    PrincipalRoom& m_room;
    std::span<float> m_flat;
    bool m_known;
};

/// The job whose PEFT configuration describes the converted adapter: ranks doubled, alphas such that every scale stays.
[[nodiscard]] Job plainJobOf(const Job& job);
/// Its slots, without offsets.
[[nodiscard]] std::vector<plan::AdapterSlot> plainSlotsOf(std::span<const plan::AdapterSlot> slots, bool rslora);
/// B A - B0 A0 as one adapter: A' = [A; A0], B' = [B, -B0] (PEFT's conversion). `trained` and `start` are laid out by `slots`, `plain` by
/// `plainSlots`, which have offsets. @throws Error{Internal} when they do not fit.
void toPlainAdapter(std::span<const plan::AdapterSlot> slots, std::span<const float> trained, std::span<const float> start,
                    std::span<const plan::AdapterSlot> plainSlots, std::span<float> plain);

}  // namespace lorikeet::lora
