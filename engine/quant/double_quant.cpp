// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/quant/double_quant.h"

#include "engine/base/check.h"
#include "engine/quant/cascade_sum.h"
#include "engine/spec/quantization.h"

#include <algorithm>
#include <cmath>

namespace lorikeet::quant {

void quantiseBlocks(std::span<const float> values, std::span<std::uint8_t> codes, std::span<float> largest)
{
    constexpr auto kBlock = static_cast<std::size_t>(kDoubleQuantBlock);
    LORIKEET_CHECK(codes.size() == values.size() && largest.size() == (values.size() + kBlock - 1) / kBlock, "quantiseBlocks: lengths");
    for (std::size_t block = 0; block < largest.size(); ++block) {
        const std::size_t begin = block * kBlock;
        const std::size_t end = std::min(begin + kBlock, values.size());
        float top = 0;
        for (std::size_t i = begin; i < end; ++i)
            top = std::max(top, std::abs(values[i]));
        largest[block] = top;
        const float inverse = 1.0f / top;
        for (std::size_t i = begin; i < end; ++i)
            codes[i] = top == 0.0f ? std::uint8_t{0} : codeOfPoint(kSignedMap, nearestPoint(values[i] * inverse));
    }
}

float doubleQuantise(std::span<float> absmax, std::span<std::uint8_t> codes, std::span<float> nested)
{
    LORIKEET_CHECK(!absmax.empty(), "doubleQuantise: no scales");
    const float offset = cascadeSum(absmax) / static_cast<float>(absmax.size());
    for (float& scale : absmax)
        scale -= offset;
    quantiseBlocks(absmax, codes, nested);
    return offset;
}

}  // namespace lorikeet::quant
