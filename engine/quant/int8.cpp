// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/quant/int8.h"

#include "engine/base/check.h"
#include "engine/base/error.h"

#include <algorithm>
#include <cmath>

namespace lorikeet::quant {

namespace {

/// The nearest whole number, ties to even, for |value| < 2^22: the sum has no bits below one.
int nearest(float value)
{
    constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23
    return static_cast<int>((value + kMagic) - kMagic);
}

/// False when a value is not finite.
bool quantiseRow(const float* values, std::int64_t cols, std::uint8_t* codes, float& absmax)
{
    float largest = 0;
    float differences = 0;
    for (std::int64_t i = 0; i < cols; ++i) {
        largest = std::max(largest, std::abs(values[i]));
        differences += values[i] - values[i];
    }
    absmax = largest;
    if (differences != 0.0f)  // NaN
        return false;
    const float factor = 1.0f / largest * 127.0f;
    // A row of zeros, and one so small that its factor is infinite, has codes of zero.
    for (std::int64_t i = 0; i < cols; ++i)
        codes[i] = std::isfinite(factor) ? static_cast<std::uint8_t>(nearest(values[i] * factor)) : std::uint8_t{0};
    return true;
}

}  // namespace

void quantiseRows(std::span<const float> values, std::int64_t cols, std::span<std::uint8_t> codes, std::span<float> absmax)
{
    const auto rows = static_cast<std::int64_t>(absmax.size());
    LORIKEET_CHECK(cols > 0 && static_cast<std::int64_t>(values.size()) == rows * cols && codes.size() == values.size(), "quantiseRows: lengths");
    bool finite = true;
#pragma omp parallel for schedule(static) reduction(&& : finite) if (rows * cols > 16384)
    for (std::int64_t row = 0; row < rows; ++row)
        finite = quantiseRow(values.data() + row * cols, cols, codes.data() + row * cols, absmax[static_cast<std::size_t>(row)]) && finite;
    if (!finite)
        throw Error(ErrorCode::BadInput, "a weight is infinite or not a number, which int8 cannot hold",
                    "use an undamaged copy of the model, or no quantisation");
}

}  // namespace lorikeet::quant
