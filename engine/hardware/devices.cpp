// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/hardware/devices.h"

#include "engine/base/system.h"

namespace lorikeet::hardware {

namespace {

// What the process grows by while it trains, besides its arenas: code that oneDNN compiles, thread stacks, heap for data, checkpoints and
// events. 14 to 37 MiB over 22 jobs (tst_peak_memory).
constexpr std::uint64_t kGrowth = std::uint64_t{40} << 20;

// The process's own memory differs by some 100 KiB from one start to the next: a plan shall not.
constexpr std::uint64_t kContextStep = std::uint64_t{4} << 20;

}  // namespace

DeviceSpec probeCpu()
{
    const Processor cpu = processor();
    const HostMemory memory = hostMemory();
    DeviceSpec device;
    device.kind = DeviceSpec::Kind::Cpu;
    device.id = "cpu";
    device.name = cpu.name;
    device.totalBytes = memory.totalBytes;
    const std::uint64_t resident = processMemory().residentBytes;
    device.contextBytes = (resident + kContextStep - 1) / kContextStep * kContextStep;
    device.growthBytes = kGrowth;
    device.availableBytes = memory.availableBytes + device.contextBytes;
    device.otherBytes = memory.totalBytes > device.availableBytes ? memory.totalBytes - device.availableBytes : 0;
    device.bf16Arithmetic = cpu.avx512Bf16 || cpu.amxBf16;
    device.threads = cpu.threads;
    return device;
}

}  // namespace lorikeet::hardware
