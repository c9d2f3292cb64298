// SPDX-License-Identifier: GPL-3.0-or-later
// What a context owns on its device, and CUDA's refusals turned into ours.
#pragma once

#include "engine/kernels/context.h"
#include "engine/kernels/op_table.h"

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <map>
#include <string>
#include <tuple>

namespace lorikeet::kernels::cuda {

/// @throws Error{Device} with the runtime's own words.
void checkCuda(cudaError_t result, const char* what);

/// A product cuBLASLt was asked for: m, n, k, transposes, types, whether it adds, alignment of the three operands.
using ProductKey = std::tuple<std::int64_t, std::int64_t, std::int64_t, bool, bool, DType, DType, bool, unsigned, unsigned, unsigned>;

/// Used by one thread at a time; Context::device points to it.
struct DeviceState {
    int index = 0;
    cudaStream_t stream = nullptr;
    cublasLtHandle_t blas = nullptr;
    void* partial = nullptr;  ///< kPartialBytes
    std::map<ProductKey, cublasLtMatmulAlgo_t> algorithms;
};

/// Also makes its card the calling thread's: a context may be made on one thread and used on another.
[[nodiscard]] DeviceState& stateOf(const Context& context);

void matmulCublas(Context& context, const Matmul& args);

/// True where LibTorch's flash attention takes the operands; our own kernels do the rest.
[[nodiscard]] bool flashTakes(const Mat& q, std::int64_t headSize);
/// LibTorch allocates the results; they are copied into the planned buffers.
void flashForward(Context& context, const AttentionForward& args);
void flashBackward(Context& context, const AttentionBackward& args);
/// Makes LibTorch choose deterministic kernels. Once per process is enough.
void prepareFlash();

/// The caller owns the result.
[[nodiscard]] CopyLane* makeCudaCopyLane(Context& context);

/// The table of this module.
[[nodiscard]] const OpTable& cudaOps();

}  // namespace lorikeet::kernels::cuda
