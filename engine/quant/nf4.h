// SPDX-License-Identifier: GPL-3.0-or-later
// Weights into NF4 (Dettmers et al. 2023, arXiv:2305.14314), the same bytes as quantize_4bit of bitsandbytes on a CPU.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace lorikeet::quant {

/// Takes one tensor's elements in row-major order, in pieces of any length, so that no more than a piece of it is ever in memory as fp32.
/// `codes` and `absmax` (lengths: quantizedSizes) are the caller's and must outlive the quantiser.
class Nf4Quantiser {
public:
    /// @throws Error{Internal} on lengths that do not fit `count` elements.
    Nf4Quantiser(std::int64_t count, std::span<std::uint8_t> codes, std::span<float> absmax);

    /// The next elements. Uses the threads of the OpenMP pool. @throws Error{BadInput} when one is not finite.
    void add(std::span<const float> values);
    /// All elements were given: writes the last, partial block. @throws Error{Internal} when some are missing.
    void finish();

private:
    void quantiseWhole(const float* values, std::int64_t blocks);

    std::int64_t m_count;
    std::span<std::uint8_t> m_codes;
    std::span<float> m_absmax;
    std::int64_t m_blocks = 0;   ///< written
    std::array<float, 64> m_begun{};  ///< elements of a block that the next piece goes on with
    std::int64_t m_begunCount = 0;
};

}  // namespace lorikeet::quant
