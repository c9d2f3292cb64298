// SPDX-License-Identifier: GPL-3.0-or-later
// What a bitsandbytes checkpoint says about one NF4 weight: the JSON that QuantState.as_dict(packed=True) stores as bytes.
#pragma once

#include "engine/spec/dtype.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace lorikeet::formats {

// The tensors of a weight `W` (say model.layers.0.mlp.up_proj.weight) of rows x cols elements:
//   W                                      uint8 [ceil(rows * cols / 2), 1]: the codes, first element in the high half of a byte
//   W.absmax                               fp32 [blocks]; uint8 [blocks] when nested (double quantisation)
//   W.quant_map                            fp32 [16]: kNf4Code
//   W.nested_absmax, W.nested_quant_map    fp32 [ceil(blocks / 256)], fp32 [256]: kSignedMap; only when nested
//   W.quant_state.bitsandbytes__nf4        uint8 [n]: the JSON that is read here
inline constexpr std::string_view kBnbAbsmax = ".absmax";
inline constexpr std::string_view kBnbMap = ".quant_map";
inline constexpr std::string_view kBnbNestedAbsmax = ".nested_absmax";
inline constexpr std::string_view kBnbNestedMap = ".nested_quant_map";
inline constexpr std::string_view kBnbNf4State = ".quant_state.bitsandbytes__nf4";
/// A weight with this tensor beside it is FP4, which is not supported.
inline constexpr std::string_view kBnbFp4State = ".quant_state.bitsandbytes__fp4";
/// No honest state is longer.
inline constexpr std::uint64_t kBnbStateLimit = 4096;

struct BnbQuantState {
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    DType dtype = DType::BF16;  ///< of the weight before: bf16, fp16 or fp32
    bool nested = false;
    float nestedOffset = 0;     ///< added to every scale when nested
};

/// `where` names file and tensor in messages.
/// @throws Error{BadInput} naming the field: another type than nf4, blocks of another size than 64 (nested: 256), a shape that is not two
/// positive sizes of at most 2^40 elements together, an offset that is missing or not finite, nested fields of which some are missing,
/// text that is no JSON object or longer than kBnbStateLimit.
[[nodiscard]] BnbQuantState parseBnbQuantState(std::string_view json, const std::string& where);

}  // namespace lorikeet::formats
