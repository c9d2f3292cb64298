// SPDX-License-Identifier: GPL-3.0-or-later
// A block of the types here is 32 elements: fp16 scale d, for *_1 types fp16 minimum m, for Q5 types 32 high bits, then nibbles (elements 0-15
// in the low halves of 16 bytes, 16-31 in the high halves) or signed bytes.
#include "engine/formats/gguf_dequant.h"

#include "engine/base/check.h"
#include "engine/formats/gguf_k_blocks.h"
#include "engine/formats/half_floats.h"

#include <cstring>

namespace lorikeet::formats {

namespace {

constexpr int kHalfBlock = 16;

float halfAt(const std::byte* bytes) noexcept
{
    std::uint16_t bits = 0;
    std::memcpy(&bits, bytes, sizeof bits);
    return fromHalf(bits);
}

struct Block4_0 {
    static constexpr std::uint32_t kBytes = 18;
    static void widen(const std::byte* block, float* target) noexcept
    {
        const float d = halfAt(block);
        const auto* q = reinterpret_cast<const std::uint8_t*>(block + 2);
        for (int i = 0; i < kHalfBlock; ++i) {
            target[i] = static_cast<float>((q[i] & 0x0F) - 8) * d;
            target[i + kHalfBlock] = static_cast<float>((q[i] >> 4) - 8) * d;
        }
    }
};

struct Block4_1 {
    static constexpr std::uint32_t kBytes = 20;
    static void widen(const std::byte* block, float* target) noexcept
    {
        const float d = halfAt(block);
        const float m = halfAt(block + 2);
        const auto* q = reinterpret_cast<const std::uint8_t*>(block + 4);
        for (int i = 0; i < kHalfBlock; ++i) {
            target[i] = static_cast<float>(q[i] & 0x0F) * d + m;
            target[i + kHalfBlock] = static_cast<float>(q[i] >> 4) * d + m;
        }
    }
};

/// Element i of a Q5 block before scaling, 0 to 31: four bits from a nibble, the fifth from bit i of `high`.
inline int low5(const std::uint8_t* q, std::uint32_t high, int i) noexcept
{
    return (q[i] & 0x0F) | static_cast<int>(((high >> static_cast<unsigned>(i)) << 4U) & 0x10U);
}
inline int high5(const std::uint8_t* q, std::uint32_t high, int i) noexcept
{
    return (q[i] >> 4) | static_cast<int>((high >> static_cast<unsigned>(i + 12)) & 0x10U);
}

struct Block5_0 {
    static constexpr std::uint32_t kBytes = 22;
    static void widen(const std::byte* block, float* target) noexcept
    {
        const float d = halfAt(block);
        std::uint32_t high = 0;
        std::memcpy(&high, block + 2, sizeof high);
        const auto* q = reinterpret_cast<const std::uint8_t*>(block + 6);
        for (int i = 0; i < kHalfBlock; ++i) {
            target[i] = static_cast<float>(low5(q, high, i) - 16) * d;
            target[i + kHalfBlock] = static_cast<float>(high5(q, high, i) - 16) * d;
        }
    }
};

struct Block5_1 {
    static constexpr std::uint32_t kBytes = 24;
    static void widen(const std::byte* block, float* target) noexcept
    {
        const float d = halfAt(block);
        const float m = halfAt(block + 2);
        std::uint32_t high = 0;
        std::memcpy(&high, block + 4, sizeof high);
        const auto* q = reinterpret_cast<const std::uint8_t*>(block + 8);
        for (int i = 0; i < kHalfBlock; ++i) {
            target[i] = static_cast<float>(low5(q, high, i)) * d + m;
            target[i + kHalfBlock] = static_cast<float>(high5(q, high, i)) * d + m;
        }
    }
};

struct Block8_0 {
    static constexpr std::uint32_t kBytes = 34;
    static void widen(const std::byte* block, float* target) noexcept
    {
        const float d = halfAt(block);
        const auto* q = reinterpret_cast<const std::int8_t*>(block + 2);
        for (int i = 0; i < 2 * kHalfBlock; ++i)
            target[i] = static_cast<float>(q[i]) * d;
    }
};

template <typename Block>
consteval std::size_t elementsOf()
{
    if constexpr (requires { Block::kElements; })
        return Block::kElements;
    else
        return 2 * kHalfBlock;
}

template <typename Block>
void widenBlocks(std::span<const std::byte> blocks, std::span<float> target) noexcept
{
    const std::byte* block = blocks.data();
    for (std::size_t first = 0; first < target.size(); first += elementsOf<Block>(), block += Block::kBytes)
        Block::widen(block, target.data() + first);
}

}  // namespace

bool canDequantize(const GgufTypeInfo& type) noexcept
{
    constexpr std::uint32_t kSupported[] = {0, 1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 15, 20, 23, 30};
    for (const std::uint32_t id : kSupported) {
        if (type.id == id)
            return true;
    }
    return false;
}

void dequantize(const GgufTypeInfo& type, std::span<const std::byte> blocks, std::span<float> target)
{
    LORIKEET_CHECK(target.size() % type.blockElements == 0 && blocks.size() == target.size() / type.blockElements * type.blockBytes,
                   std::to_string(blocks.size()) + " bytes of " + type.name + " for " + std::to_string(target.size()) + " elements");
    if (target.empty())
        return;
    switch (type.id) {
    case 0: std::memcpy(target.data(), blocks.data(), blocks.size()); return;
    case 1: widenHalf(blocks, target); return;
    case 2: widenBlocks<Block4_0>(blocks, target); return;
    case 3: widenBlocks<Block4_1>(blocks, target); return;
    case 6: widenBlocks<Block5_0>(blocks, target); return;
    case 7: widenBlocks<Block5_1>(blocks, target); return;
    case 8: widenBlocks<Block8_0>(blocks, target); return;
    case 10: widenBlocks<BlockQ2K>(blocks, target); return;
    case 11: widenBlocks<BlockQ3K>(blocks, target); return;
    case 12: widenBlocks<BlockQ4K>(blocks, target); return;
    case 13: widenBlocks<BlockQ5K>(blocks, target); return;
    case 14: widenBlocks<BlockQ6K>(blocks, target); return;
    case 15: widenBlocks<BlockQ8K>(blocks, target); return;
    case 20: widenBlocks<BlockIq4Nl>(blocks, target); return;
    case 23: widenBlocks<BlockIq4Xs>(blocks, target); return;
    case 30: widenBrain(blocks, target); return;
    default: LORIKEET_CHECK(false, std::string("no dequantisation of ") + type.name);
    }
}

}  // namespace lorikeet::formats
