// SPDX-License-Identifier: GPL-3.0-or-later
// The memory budget of a job on a device, for the window and the command line.
#pragma once

#include "engine/plan/memory_plan.h"
#include "engine/plan/planner.h"
#include "engine/spec/device_spec.h"
#include "engine/spec/job.h"
#include "engine/spec/model_shape.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace lorikeet::api {

/// This machine's devices that a run can use: the CPU, then CUDA devices.
[[nodiscard]] std::vector<DeviceSpec> machineDevices();
/// Names of the catalogue's cards, plan only.
[[nodiscard]] std::vector<std::string> catalogueDevices();
/// "auto", "cpu", "cuda:0" or a catalogue name. @throws Error{Usage} with the nearest names, Error{Device}.
[[nodiscard]] DeviceSpec findDevice(const std::string& id);

/// What the kernels of this device need for this job. Cached by shape and sizes; the first call on a new shape may take some ms.
[[nodiscard]] plan::KernelCosts kernelCosts(const ModelShape& shape, const Job& job, const DeviceSpec& device);

/// plan() with the costs of the device. @throws Error{Usage}
[[nodiscard]] plan::MemoryPlan planJob(const ModelShape& shape, const Job& job, const DeviceSpec& device);

/// {"total_bytes", "categories": {...}, "host_bytes", "verdict", "terms": [...]} and with `buffers` the whole list.
[[nodiscard]] nlohmann::ordered_json toJson(const plan::MemoryPlan& plan, bool buffers);

}  // namespace lorikeet::api
