// SPDX-License-Identifier: GPL-3.0-or-later
// The numbers of an adapter in one flat fp32 array (Layout::adapters says what lies where), and their first values.
#pragma once

#include "engine/plan/layout.h"

#include <cstdint>
#include <span>
#include <string>

namespace lorikeet::lora {

/// A of every slot uniform in +-1 / sqrt(in) (Kaiming with a = sqrt(5), as PEFT's default), B zero: the adapted model starts as the base.
/// Philox keyed by (seed, layer, linear, element), so the values do not depend on which other maps are adapted. Padding is zeroed.
void initialise(std::span<float> flat, std::span<const plan::AdapterSlot> slots, std::int64_t seed);

/// Views of one slot in the flat array: A [r, in], B [out, r].
[[nodiscard]] std::span<float> matrixA(std::span<float> flat, const plan::AdapterSlot& slot);
[[nodiscard]] std::span<float> matrixB(std::span<float> flat, const plan::AdapterSlot& slot);

/// "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight", as PEFT names it.
enum class AdapterMatrix : std::uint8_t { A, B };
[[nodiscard]] std::string peftNameOf(const plan::AdapterSlot& slot, AdapterMatrix matrix);
/// "model.layers.3.self_attn.q_proj", what rank and alpha patterns match against.
[[nodiscard]] std::string modulePathOf(const plan::AdapterSlot& slot);

}  // namespace lorikeet::lora
