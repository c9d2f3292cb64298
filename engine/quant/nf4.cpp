// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/quant/nf4.h"

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/spec/quantization.h"

#include <algorithm>
#include <cmath>

namespace lorikeet::quant {

namespace {

constexpr auto kBlock = static_cast<std::size_t>(kNf4Block);
/// Scales below it are not divided by.
constexpr float kSmallestScale = 1e-38f;

/// Between neighbouring codes.
constexpr std::array<float, 15> kBounds = [] {
    std::array<float, 15> bounds{};
    for (std::size_t i = 0; i < bounds.size(); ++i)
        bounds[i] = (kNf4Code[i] + kNf4Code[i + 1]) / 2.0f;
    return bounds;
}();


float largestOf(const float* values, std::size_t count)
{
    float largest = 0;
    for (std::size_t i = 0; i < count; ++i)
        largest = std::max(largest, std::abs(values[i]));
    return largest;
}

/// No infinity, no NaN: their differences with themselves are NaN, and so is the sum.
bool allFinite(const float* values, std::size_t count)
{
    float sum = 0;
    for (std::size_t i = 0; i < count; ++i)
        sum += values[i] - values[i];
    return sum == 0.0f;
}

/// A value's code is the number of bounds below it: one on a bound goes to the lower code. (Bound by bound, so that the compiler counts
/// in vectors.)
void pack(std::uint8_t* codes, const std::array<float, kBlock>& scaled, std::size_t count)
{
    std::array<std::int32_t, kBlock> below{};
    for (const float bound : kBounds)
        for (std::size_t i = 0; i < kBlock; ++i)
            below[i] += bound < scaled[i] ? 1 : 0;
    for (std::size_t i = 0; i < (count + 1) / 2; ++i)
        codes[i] = static_cast<std::uint8_t>(below[2 * i] << 4 | below[2 * i + 1]);
}

/// False when an element is not finite.
bool quantiseBlock(const float* values, std::uint8_t* codes, float& absmax)
{
    absmax = largestOf(values, kBlock);
    const float inverse = 1.0f / std::max(absmax, kSmallestScale);
    std::array<float, kBlock> scaled;
    for (std::size_t i = 0; i < kBlock; ++i)
        scaled[i] = std::clamp(values[i] * inverse, -1.0f, 1.0f);
    pack(codes, scaled, kBlock);
    return allFinite(values, kBlock);
}

[[noreturn]] void refuseInfinity()
{
    throw Error(ErrorCode::BadInput, "a weight is infinite or not a number, which NF4 cannot hold", "use an undamaged copy of the model, or no quantisation");
}

}  // namespace

Nf4Quantiser::Nf4Quantiser(std::int64_t count, std::span<std::uint8_t> codes, std::span<float> absmax)
    : m_count(count), m_codes(codes), m_absmax(absmax)
{
    const QuantizedSizes sizes = quantizedSizes(Quantization::Nf4, false, 1, count);
    LORIKEET_CHECK(count > 0 && static_cast<std::int64_t>(codes.size()) == sizes.codes && static_cast<std::int64_t>(absmax.size()) == sizes.absmax,
                   "Nf4Quantiser: lengths");
}

void Nf4Quantiser::add(std::span<const float> values)
{
    const auto given = static_cast<std::int64_t>(values.size());
    LORIKEET_CHECK(m_blocks * kNf4Block + m_begunCount + given <= m_count, "Nf4Quantiser: more elements than the tensor has");
    if (m_begunCount > 0) {
        const std::size_t taken = std::min(values.size(), static_cast<std::size_t>(kNf4Block - m_begunCount));
        std::copy_n(values.begin(), taken, m_begun.begin() + m_begunCount);
        m_begunCount += static_cast<std::int64_t>(taken);
        values = values.subspan(taken);
        if (m_begunCount < kNf4Block)
            return;
        quantiseWhole(m_begun.data(), 1);
        m_begunCount = 0;
    }
    const std::size_t whole = values.size() / kBlock;
    quantiseWhole(values.data(), static_cast<std::int64_t>(whole));
    const auto rest = values.subspan(whole * kBlock);
    std::copy(rest.begin(), rest.end(), m_begun.begin());
    m_begunCount = static_cast<std::int64_t>(rest.size());
}

void Nf4Quantiser::quantiseWhole(const float* values, std::int64_t blocks)
{
    std::uint8_t* codes = m_codes.data() + m_blocks * kNf4Block / 2;
    float* absmax = m_absmax.data() + m_blocks;
    bool finite = true;
#pragma omp parallel for schedule(static) reduction(&& : finite) if (blocks > 64)
    for (std::int64_t block = 0; block < blocks; ++block)
        finite = quantiseBlock(values + block * kNf4Block, codes + block * kNf4Block / 2, absmax[block]) && finite;
    if (!finite)
        refuseInfinity();
    m_blocks += blocks;
}

void Nf4Quantiser::finish()
{
    LORIKEET_CHECK(m_blocks * kNf4Block + m_begunCount == m_count, "Nf4Quantiser: elements are missing");
    if (m_begunCount == 0)
        return;
    // The reference divides in the last, partial block instead of multiplying, keeps the bounded scale, and fills up with zero.
    const auto count = static_cast<std::size_t>(m_begunCount);
    if (!allFinite(m_begun.data(), count))
        refuseInfinity();
    const float absmax = std::max(largestOf(m_begun.data(), count), kSmallestScale);
    std::array<float, kBlock> scaled{};
    for (std::size_t i = 0; i < count; ++i)
        scaled[i] = std::clamp(m_begun[i] / absmax, -1.0f, 1.0f);
    pack(m_codes.data() + m_blocks * kNf4Block / 2, scaled, count);
    m_absmax.back() = absmax;
    m_begunCount = 0;
    ++m_blocks;
}

}  // namespace lorikeet::quant
