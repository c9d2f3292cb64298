// SPDX-License-Identifier: GPL-3.0-or-later
// Scales into 8 bits (the double quantisation of QLoRA, arXiv:2305.14314): less their mean, in blocks, by the dynamic map.
#pragma once

#include <cstdint>
#include <span>

namespace lorikeet::quant {

/// Block-wise codes of kSignedMap: codes [n], largest [ceil(n / kDoubleQuantBlock)], as bitsandbytes' quantize_blockwise on a CPU gives
/// them. @throws Error{Internal} on lengths that do not fit.
void quantiseBlocks(std::span<const float> values, std::span<std::uint8_t> codes, std::span<float> largest);

/// absmax [n] -> codes [n], nested [ceil(n / kDoubleQuantBlock)]; returns the offset, their mean. `absmax` is left less the offset.
/// The same bytes as quantize_4bit(compress_statistics=True) of bitsandbytes on a CPU with one thread (with more, LibTorch sums
/// vectors above 32768 scales in another order, and so may theirs be off in the offset's last bit).
[[nodiscard]] float doubleQuantise(std::span<float> absmax, std::span<std::uint8_t> codes, std::span<float> nested);

}  // namespace lorikeet::quant
