// SPDX-License-Identifier: GPL-3.0-or-later
// What the shared module `lorikeet_cuda` shows to the program: one C entry point that hands out one table of functions.
#pragma once

#include "engine/kernels/op_table.h"
#include "engine/spec/device_spec.h"

#include <cstdint>
#include <string>

namespace lorikeet::kernels {

/// Raised with every change of CudaPlugin, OpTable or the arguments of an op: a module of another build is refused.
inline constexpr std::uint32_t kCudaPluginAbi = 3;

struct CudaPlugin {
    std::uint32_t abi = kCudaPluginAbi;
    std::uint32_t tableBytes = sizeof(OpTable);
    const OpTable* ops = nullptr;

    /// Devices of the driver; 0 without one, and `reason` says why. Does not throw.
    int (*deviceCount)(std::string& reason) = nullptr;
    /// Fills the spec of device `index` and measures what the context takes. False when the card cannot be used; `reason` says why.
    bool (*probe)(int index, DeviceSpec& spec, std::string& reason) = nullptr;
    /// A context for one thread: its stream, its cuBLASLt handle. @throws Error{Device}
    Context (*makeContext)(int index) = nullptr;
    void (*destroyContext)(Context& context) = nullptr;
    /// Device memory, zeroed. @throws Error{DoesNotFit}
    void* (*allocate)(int index, std::uint64_t bytes) = nullptr;
    void (*release)(int index, void* memory) = nullptr;
};

/// Name of the entry point: `extern "C" const CudaPlugin* lorikeet_cuda_plugin()`.
inline constexpr const char* kCudaPluginSymbol = "lorikeet_cuda_plugin";

}  // namespace lorikeet::kernels
