// SPDX-License-Identifier: GPL-3.0-or-later
// Weights into int8 by rows, the same bytes as int8_vectorwise_quant of bitsandbytes (arXiv:2208.07339, without outlier columns).
#pragma once

#include <cstdint>
#include <span>

namespace lorikeet::quant {

/// values [rows * cols] -> codes [rows * cols] (two's complement), absmax [rows]: code = value * 127 / absmax to the nearest, ties to even.
/// Rows are independent: a tensor may be given in pieces of whole rows. Uses the threads of the OpenMP pool.
/// @throws Error{BadInput} when a value is not finite; Error{Internal} on lengths that do not fit.
void quantiseRows(std::span<const float> values, std::int64_t cols, std::span<std::uint8_t> codes, std::span<float> absmax);

}  // namespace lorikeet::quant
