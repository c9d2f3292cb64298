// SPDX-License-Identifier: GPL-3.0-or-later
// CUDA's return codes as our errors, and the device of a context.
#include "engine/base/error.h"
#include "engine/kernels/cuda/state_cuda.h"

namespace lorikeet::kernels::cuda {

void checkCuda(cudaError_t result, const char* what)
{
    if (result == cudaSuccess)
        return;
    if (result == cudaErrorMemoryAllocation)
        throw Error(ErrorCode::DoesNotFit, std::string(what) + ": the GPU has not enough free memory",
                    "close other programs that use the GPU, or make the job smaller");
    throw Error(ErrorCode::Device, std::string(what) + ": " + cudaGetErrorString(result) + " (" + cudaGetErrorName(result) + ")",
                "start the program again; if it comes back, run 'lorikeet-cli doctor' and check the driver");
}

void checkLaunch(const char* kernel)
{
    const cudaError_t result = cudaGetLastError();
    if (result != cudaSuccess)
        checkCuda(result, kernel);
}

DeviceState& stateOf(const Context& context)
{
    auto& state = *static_cast<DeviceState*>(context.device);
    checkCuda(cudaSetDevice(state.index), "choosing the GPU");
    return state;
}

}  // namespace lorikeet::kernels::cuda
