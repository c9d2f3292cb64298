// SPDX-License-Identifier: GPL-3.0-or-later
// The counter-based random generator of the program: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). A pure function of counter and key, so that shuffling and dropout do not depend on slots, threads or ranks
// and a resumed run needs no state but its counters.
#pragma once

#include <array>
#include <cstdint>

namespace lorikeet {

using PhiloxCounter = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

/// What random numbers are for. Two purposes never share a key, whatever their counters are.
enum class RandomStream : std::uint32_t {
    Dropout = 0,
    Shuffle = 0x53485546,          ///< order of an epoch
    ValidationSplit = 0x56414c49,  ///< which rows are held out
    AdapterInit = 0x494e4954,      ///< first values of LoRA A
    PrincipalSearch = 0x5052494e,  ///< starting directions of the search for principal parts
    Generation = 0x47454e53,       ///< sampling from logits
};

/// Four independent uniform 32-bit numbers of a counter and a key; ten rounds, constants as in Random123.
[[nodiscard]] constexpr std::array<std::uint32_t, 4> philox4x32(PhiloxCounter counter, PhiloxKey key) noexcept
{
    constexpr std::uint64_t kMultiplier0 = 0xD2511F53u;
    constexpr std::uint64_t kMultiplier1 = 0xCD9E8D57u;
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t product0 = kMultiplier0 * counter[0];
        const std::uint64_t product1 = kMultiplier1 * counter[2];
        counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product1),
                   static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(product0)};
        key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
    }
    return counter;
}

/// Key of a seed for one purpose.
[[nodiscard]] constexpr PhiloxKey philoxKey(std::int64_t seed, RandomStream stream) noexcept
{
    const auto bits = static_cast<std::uint64_t>(seed);
    return {static_cast<std::uint32_t>(bits), static_cast<std::uint32_t>(bits >> 32) ^ static_cast<std::uint32_t>(stream)};
}

/// Uniform number in [0, 1) with 24 bits, exact in fp32.
[[nodiscard]] constexpr float unitFloat(std::uint32_t bits) noexcept
{
    return static_cast<float>(bits >> 8) * 0x1p-24F;
}

}  // namespace lorikeet
