// SPDX-License-Identifier: GPL-3.0-or-later
// The numbers of an adapter in one flat fp32 array (Layout::adapters says what lies where), and their first values.
#pragma once

#include "engine/plan/layout.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lorikeet::lora {

/// A of every slot uniform in +-1 / sqrt(in) (Kaiming with a = sqrt(5), as PEFT's default), B zero: the adapted model starts as the base.
/// Magnitudes are left zero: the decoder knows the norms they start from.
/// Philox keyed by (seed, layer, linear, element), so the values do not depend on which other maps are adapted. Padding is zeroed.
void initialise(std::span<float> flat, std::span<const plan::AdapterSlot> slots, std::int64_t seed);

/// Views of one slot in the flat array: A [r, in], B [out, r].
[[nodiscard]] std::span<float> matrixA(std::span<float> flat, const plan::AdapterSlot& slot);
[[nodiscard]] std::span<float> matrixB(std::span<float> flat, const plan::AdapterSlot& slot);

/// A tensor of an adapter as a file keeps it.
enum class AdapterPart : std::uint8_t { A, B, Magnitude };
/// A and B, and the magnitude where the slot has one.
[[nodiscard]] std::vector<AdapterPart> partsOf(const plan::AdapterSlot& slot);
/// [r, in], [out, r], [out].
[[nodiscard]] std::vector<std::uint64_t> shapeOfPart(const plan::AdapterSlot& slot, AdapterPart part);
/// Its numbers in the flat array.
[[nodiscard]] std::span<float> valuesOf(std::span<float> flat, const plan::AdapterSlot& slot, AdapterPart part);
[[nodiscard]] std::span<const float> valuesOf(std::span<const float> flat, const plan::AdapterSlot& slot, AdapterPart part);
/// "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight", "....lora_magnitude_vector", as PEFT names them.
[[nodiscard]] std::string peftNameOf(const plan::AdapterSlot& slot, AdapterPart part);
/// "model.layers.3.self_attn.q_proj", what rank and alpha patterns match against.
[[nodiscard]] std::string modulePathOf(const plan::AdapterSlot& slot);

}  // namespace lorikeet::lora
