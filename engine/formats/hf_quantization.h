// SPDX-License-Identifier: GPL-3.0-or-later
// `quantization_config` of a config.json: which quantised weights are read, and which are refused in one sentence.
#pragma once

#include "engine/formats/json_text.h"

namespace lorikeet::formats {

/// Passes a configuration without one, and those of bitsandbytes in nf4 or int8 (transformers' BitsAndBytesConfig; the first ones had
/// no quant_method). @throws Error{BadInput} naming the method (gptq, awq ...), fp4, or fields that contradict each other.
void requireReadableQuantization(const JsonFields& config);

}  // namespace lorikeet::formats
