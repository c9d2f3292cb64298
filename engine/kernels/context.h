// SPDX-License-Identifier: GPL-3.0-or-later
// What every op gets beside its operands: the table of the device's kernels, workspace that the plan owns, a stream.
#pragma once

#include "engine/tensor/mat.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace lorikeet::kernels {

using tensor::Mat;

struct OpTable;

/// Passed by reference through the whole step. Belongs to one thread and one device.
struct Context {
    const OpTable* ops = nullptr;
    void* matmulScratch = nullptr;  ///< Layout::matmulScratch
    std::uint64_t matmulScratchBytes = 0;
    void* widenScratch = nullptr;  ///< Layout::widen; nullptr where bf16 products are native
    std::uint64_t widenScratchBytes = 0;
    void* stream = nullptr;   ///< CUDA stream; nullptr on a CPU
    void* device = nullptr;   ///< the device's own state (CUDA plug-in); nullptr on a CPU
};

/// "[512 x 576 fp32]" for messages.
[[nodiscard]] std::string describe(const Mat& mat);

}  // namespace lorikeet::kernels
