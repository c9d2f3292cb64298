// SPDX-License-Identifier: GPL-3.0-or-later
// A GPU held against the CPU: all ops, and one training step. Without Qt, so that a borrowed machine can run them too.
#pragma once

#include "engine/spec/device_spec.h"

#include <string>

namespace lorikeet::test {

/// Runs every case of kernelCases() on both; one line per case that disagrees, "" when all agree.
[[nodiscard]] std::string opDisagreements(const DeviceSpec& gpu);

/// One micro-batch of packed documents through a small model, forward and backward with dropout, on both; twice on the GPU.
struct StepCheck {
    double cpuLoss = 0;
    double gpuLoss = 0;
    double gradientOff = 0;  ///< largest difference, relative to the largest gradient
    double allowed = 0;
    bool sameBitsTwice = false;

    [[nodiscard]] bool agrees() const;
    [[nodiscard]] std::string describe() const;
};
/// `shape` as of smallShapeNames(); precision "fp32" or "bf16".
[[nodiscard]] StepCheck checkStep(const DeviceSpec& gpu, const std::string& shape, const std::string& precision);

}  // namespace lorikeet::test
