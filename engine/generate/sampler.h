// SPDX-License-Identifier: GPL-3.0-or-later
// Choosing the next token: greedy, or temperature with nucleus sampling (Holtzman et al. 2019, arXiv:1904.09751).
#pragma once

#include <cstdint>
#include <span>

namespace lorikeet::generate {

struct SamplingOptions {
    double temperature = 0.0;  ///< 0: greedy
    double topP = 1.0;         ///< the smallest set of tokens whose probabilities reach this sum
    std::uint64_t seed = 42;
};

/// The next token of logits [V]. `step` is the number of tokens generated so far: with the seed it keys the random number. Ties go to
/// the lower id.
[[nodiscard]] std::int32_t chooseToken(std::span<const float> logits, const SamplingOptions& options, std::uint32_t step);

}  // namespace lorikeet::generate
