// SPDX-License-Identifier: GPL-3.0-or-later
// A device to plan for: this machine's CPU or GPU, or a card of the catalogue. A value that is passed, never a global.
#pragma once

#include <cstdint>
#include <string>

namespace lorikeet {

/// How fast a device is: datasheet values of dense products for a catalogue card, measured ones for this machine. 0: not known.
struct DeviceRates {
    double fp32Tflops = 0;     ///< fp32 products (CUDA cores), 10^12 FLOP/s
    double bf16Tflops = 0;     ///< dense bf16 products with fp32 sums (tensor cores)
    double memoryGBps = 0;     ///< memory bandwidth, 10^9 B/s
    double hostLinkGBps = 0;   ///< host to device, one direction, 10^9 B/s
    bool measured = false;     ///< by micro-benchmarks here; else a datasheet's

    bool operator==(const DeviceRates&) const = default;
};

struct DeviceSpec {
    enum class Kind : std::uint8_t { Cpu, Cuda, Catalogue };
    Kind kind = Kind::Cpu;
    int index = 0;             ///< cuda:index
    std::string id = "cpu";    ///< what --device and run.device take: "cpu", "cuda:0", "RTX 4090"
    std::string name;          ///< "AMD EPYC ...", "NVIDIA H100 80GB HBM3"
    std::uint64_t totalBytes = 0;
    std::uint64_t availableBytes = 0;  ///< what a new process can still get; of a catalogue card what its driver leaves
    std::uint64_t otherBytes = 0;      ///< held by other programs, or by the driver of a catalogue card
    std::uint64_t hostAvailableBytes = 0;  ///< host memory for what is offloaded; 0: not known (catalogue), or the same memory (CPU)
    std::uint64_t contextBytes = 0;    ///< runtime and libraries no buffer can own (CUDA context; LibTorch's resident size on a CPU)
    bool contextIsEstimate = false;
    std::uint64_t growthBytes = 0;     ///< estimate: what the process grows by while it trains, besides its arenas (CPU)
    bool bf16Arithmetic = false;  ///< bf16 products in hardware (AVX512_BF16, AMX, compute capability >= 8.0)
    int computeCapability = 0;    ///< 90 for 9.0; 0 for a CPU
    int threads = 0;              ///< CPU threads
    bool unifiedMemory = false;   ///< a GPU in the host's own memory (Jetson, GB10): nothing is won by keeping things on the host
    DeviceRates rates;

    /// True where host memory is the device's.
    [[nodiscard]] bool sharesHostMemory() const noexcept { return kind == Kind::Cpu || unifiedMemory; }

    bool operator==(const DeviceSpec&) const = default;
};

/// One process of a distributed run. N = 1 is all that runs today.
struct Rank {
    int index = 0;
    int world = 1;
};

}  // namespace lorikeet
