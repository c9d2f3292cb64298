// SPDX-License-Identifier: GPL-3.0-or-later
// cpuid leaves 1, 7 and 0x80000002.., and XCR0. GCC's __builtin_cpu_supports knows no AMX in the versions we support.
#include "engine/base/processor.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#define LORIKEET_HAS_CPUID 1
#endif

namespace lorikeet {

#ifdef LORIKEET_HAS_CPUID

namespace {

struct Registers {
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf = 0)
{
    Registers r;
    __get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d);  // zeros where the leaf does not exist
    return r;
}

/// Register sets that the system saves on a task switch.
std::uint64_t savedStates()
{
    constexpr unsigned kOsxsave = 1U << 27;
    if ((cpuid(1).c & kOsxsave) == 0)
        return 0;
    unsigned low = 0;
    unsigned high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (std::uint64_t{high} << 32) | low;
}

bool hasAll(std::uint64_t value, std::uint64_t bits)
{
    return (value & bits) == bits;
}

std::string brandName()
{
    std::array<char, 49> text{};
    for (unsigned leaf = 0; leaf < 3; ++leaf) {
        const Registers r = cpuid(0x80000002U + leaf);
        const std::array<unsigned, 4> part{r.a, r.b, r.c, r.d};
        std::memcpy(text.data() + 16 * leaf, part.data(), 16);
    }
    std::string name(text.data());
    const auto first = name.find_first_not_of(' ');
    if (first == std::string::npos)
        return {};
    return name.substr(first, name.find_last_not_of(' ') - first + 1);
}

}  // namespace

Processor processorFeatures()
{
    constexpr std::uint64_t kAvxState = 0x6;         // XMM, YMM
    constexpr std::uint64_t kAvx512State = 0xe6;     // and opmask, ZMM
    constexpr std::uint64_t kTileState = 0x60000;    // TILECFG, TILEDATA
    constexpr unsigned kFma = 1U << 12;              // leaf 1, ecx
    constexpr unsigned kAvx2 = 1U << 5;              // leaf 7, ebx
    constexpr unsigned kAvx512 = (1U << 16) | (1U << 17) | (1U << 30) | (1U << 31);  // leaf 7, ebx: F, DQ, BW, VL
    constexpr unsigned kAmxBf16 = (1U << 22) | (1U << 24);                           // leaf 7, edx: BF16, TILE
    constexpr unsigned kAvx512Bf16 = 1U << 5;                                        // leaf 7.1, eax
    const std::uint64_t saved = savedStates();
    const Registers seven = cpuid(7);
    Processor result;
    result.name = brandName();
    result.avx2 = hasAll(saved, kAvxState) && hasAll(seven.b, kAvx2) && hasAll(cpuid(1).c, kFma);
    result.avx512 = result.avx2 && hasAll(saved, kAvx512State) && hasAll(seven.b, kAvx512);
    result.avx512Bf16 = result.avx512 && seven.a >= 1 && hasAll(cpuid(7, 1).a, kAvx512Bf16);
    result.amxBf16 = result.avx512 && hasAll(saved, kTileState) && hasAll(seven.d, kAmxBf16);
    return result;
}

#else

Processor processorFeatures()
{
    return {};
}

#endif

}  // namespace lorikeet
