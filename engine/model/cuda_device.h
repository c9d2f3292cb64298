// SPDX-License-Identifier: GPL-3.0-or-later
// CUDA devices behind the face of ComputeDevice: the only file that calls the table of the module `lorikeet_cuda`.
#pragma once

#include "engine/model/compute_device.h"

#include <memory>
#include <string>
#include <vector>

namespace lorikeet::kernels {
struct CudaPlugin;
}

namespace lorikeet::model {

/// What the module found. `reason` says why no device, or not all of them, can be used; `module` is the file that was opened.
struct CudaDevices {
    std::vector<DeviceSpec> usable;
    std::string reason;
    std::string module;
};

/// Looks for driver, module and devices, anew at each call but cheap after the first. Does not throw. The first call opens a context on
/// each card to measure it.
[[nodiscard]] CudaDevices cudaDevices();

/// Asks one module, for tests. Does not throw.
[[nodiscard]] CudaDevices devicesOf(const kernels::CudaPlugin* plugin);

/// @throws Error{Device} where `spec` cannot be used here, with the reason.
[[nodiscard]] std::unique_ptr<ComputeDevice> openCudaDevice(const DeviceSpec& spec);

}  // namespace lorikeet::model
