// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/hardware/devices.h"

#include "engine/base/system.h"

namespace lorikeet::hardware {

DeviceSpec probeCpu()
{
    const Processor cpu = processor();
    const HostMemory memory = hostMemory();
    DeviceSpec device;
    device.kind = DeviceSpec::Kind::Cpu;
    device.id = "cpu";
    device.name = cpu.name;
    device.totalBytes = memory.totalBytes;
    device.contextBytes = processMemory().residentBytes;
    device.availableBytes = memory.availableBytes + device.contextBytes;
    device.otherBytes = memory.totalBytes > device.availableBytes ? memory.totalBytes - device.availableBytes : 0;
    device.bf16Arithmetic = cpu.avx512Bf16 || cpu.amxBf16;
    device.threads = cpu.threads;
    return device;
}

}  // namespace lorikeet::hardware
