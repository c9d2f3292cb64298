// SPDX-License-Identifier: GPL-3.0-or-later
// A device to plan for: this machine's CPU or GPU, or a card of the catalogue. A value that is passed, never a global.
#pragma once

#include <cstdint>
#include <string>

namespace lorikeet {

struct DeviceSpec {
    enum class Kind : std::uint8_t { Cpu, Cuda, Catalogue };
    Kind kind = Kind::Cpu;
    int index = 0;             ///< cuda:index
    std::string id = "cpu";    ///< what --device and run.device take: "cpu", "cuda:0", "RTX 4090"
    std::string name;          ///< "AMD EPYC ...", "NVIDIA H100 80GB HBM3"
    std::uint64_t totalBytes = 0;
    std::uint64_t availableBytes = 0;  ///< what a new process can still get; totalBytes for a catalogue card
    std::uint64_t otherBytes = 0;      ///< held by other programs
    std::uint64_t contextBytes = 0;    ///< runtime and libraries no buffer can own (CUDA context; LibTorch's resident size on a CPU)
    bool contextIsEstimate = false;
    bool bf16Arithmetic = false;  ///< bf16 products in hardware (AVX512_BF16, AMX, compute capability >= 8.0)
    int computeCapability = 0;    ///< 90 for 9.0; 0 for a CPU
    int threads = 0;              ///< CPU threads

    bool operator==(const DeviceSpec&) const = default;
};

/// One process of a distributed run. N = 1 is all that runs today.
struct Rank {
    int index = 0;
    int world = 1;
};

}  // namespace lorikeet
