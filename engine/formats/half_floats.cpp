// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/half_floats.h"

#include <cstring>

namespace lorikeet::formats {

namespace {

template <float (*Widen)(std::uint16_t) noexcept>
void widenAll(std::span<const std::byte> bytes, std::span<float> target) noexcept
{
    const std::byte* source = bytes.data();
    for (std::size_t i = 0; i < target.size(); ++i) {
        std::uint16_t bits = 0;
        std::memcpy(&bits, source + 2 * i, sizeof bits);
        target[i] = Widen(bits);
    }
}

}  // namespace

void widenHalf(std::span<const std::byte> bytes, std::span<float> target) noexcept { widenAll<fromHalf>(bytes, target); }

void widenBrain(std::span<const std::byte> bytes, std::span<float> target) noexcept { widenAll<fromBrain>(bytes, target); }

}  // namespace lorikeet::formats
