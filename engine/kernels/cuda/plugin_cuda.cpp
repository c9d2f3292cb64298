// SPDX-License-Identifier: GPL-3.0-or-later
// The entry point of the module: devices, contexts, memory.
#include "engine/base/error.h"
#include "engine/base/system.h"
#include "engine/kernels/cuda/launchers.cuh"
#include "engine/kernels/cuda/state_cuda.h"
#include "engine/kernels/cuda_plugin.h"

#include <map>
#include <memory>
#include <mutex>
#include <optional>

namespace lorikeet::kernels::cuda {

namespace {

constexpr int kSmallestCapability = 80;
/// Where the driver's library of measurements is missing: a context with cuBLASLt on current drivers takes 300 to 600 MB.
constexpr std::uint64_t kContextEstimate = 500ull << 20;

int deviceCount(std::string& reason)
{
    int count = 0;
    const cudaError_t result = cudaGetDeviceCount(&count);
    if (result == cudaSuccess && count > 0)
        return count;
    reason = result == cudaSuccess ? "the driver shows no device" : cudaGetErrorString(result);
    return 0;
}

/// Free bytes of a card without a context on it, from the driver's library of measurements (NVML).
class FreeMemory {
public:
    FreeMemory()
    try : m_library(std::in_place, "libnvidia-ml.so.1", false) {
        const auto start = reinterpret_cast<int (*)()>(m_library->symbol("nvmlInit_v2"));
        m_find = reinterpret_cast<Find>(m_library->symbol("nvmlDeviceGetHandleByPciBusId_v2"));
        m_read = reinterpret_cast<Read>(m_library->symbol("nvmlDeviceGetMemoryInfo"));
        if (start == nullptr || m_find == nullptr || m_read == nullptr || start() != 0)
            m_library.reset();
    } catch (const Error&) {
        // No NVML: the size of a context is estimated then.
    }

    [[nodiscard]] std::optional<std::uint64_t> of(int index) const
    {
        char bus[32] = {};
        void* device = nullptr;
        Memory memory{};
        if (!m_library || cudaDeviceGetPCIBusId(bus, sizeof bus, index) != cudaSuccess || m_find(bus, &device) != 0 || m_read(device, &memory) != 0)
            return std::nullopt;
        return memory.free;
    }

private:
    struct Memory {
        unsigned long long total;
        unsigned long long free;
        unsigned long long used;
    };
    using Find = int (*)(const char*, void**);
    using Read = int (*)(void*, Memory*);
    std::optional<DynamicLibrary> m_library;
    Find m_find = nullptr;
    Read m_read = nullptr;
};

Context makeContext(int index)
{
    auto state = std::make_unique<DeviceState>();
    state->index = index;
    checkCuda(cudaSetDevice(index), "opening the GPU");
    checkCuda(cudaStreamCreateWithFlags(&state->stream, cudaStreamNonBlocking), "opening the GPU");
    if (cublasLtCreate(&state->blas) != CUBLAS_STATUS_SUCCESS)
        throw Error(ErrorCode::Device, "cuBLASLt cannot be used on this GPU", "run 'lorikeet-cli doctor' and check the driver");
    checkCuda(cudaMalloc(&state->partial, kPartialBytes), "opening the GPU");
    prepareFlash();
    Context context;
    context.ops = &cudaOps();
    context.stream = state->stream;
    context.device = state.release();
    return context;
}

void destroyContext(Context& context)
{
    const std::unique_ptr<DeviceState> state(static_cast<DeviceState*>(context.device));
    context = {};
    if (!state)
        return;
    // A context that is dead already answers with errors; there is nothing left to do about them.
    cudaSetDevice(state->index);
    cudaStreamSynchronize(state->stream);
    cudaFree(state->partial);
    cublasLtDestroy(state->blas);
    cudaStreamDestroy(state->stream);
}

/// Memory that a context takes on a card: opened once, measured, closed.
struct Measured {
    std::uint64_t freeBefore = 0;
    std::uint64_t contextBytes = 0;
    bool isEstimate = true;
};
Measured measure(int index)
{
    static const FreeMemory freeMemory;
    const auto before = freeMemory.of(index);
    Context context = makeContext(index);
    const auto after = freeMemory.of(index);
    std::size_t freeNow = 0;
    std::size_t total = 0;
    const cudaError_t asked = cudaMemGetInfo(&freeNow, &total);
    destroyContext(context);
    checkCuda(asked, "asking for the GPU's memory");
    if (before && after && *before > *after)
        return {*before, *before - *after, false};
    return {freeNow + kContextEstimate, kContextEstimate, true};
}

bool probe(int index, DeviceSpec& spec, std::string& reason)
{
    cudaDeviceProp properties{};
    if (const cudaError_t result = cudaGetDeviceProperties(&properties, index); result != cudaSuccess) {
        reason = cudaGetErrorString(result);
        return false;
    }
    spec.kind = DeviceSpec::Kind::Cuda;
    spec.index = index;
    spec.id = "cuda:" + std::to_string(index);
    spec.name = properties.name;
    spec.totalBytes = properties.totalGlobalMem;
    spec.computeCapability = properties.major * 10 + properties.minor;
    spec.unifiedMemory = properties.integrated != 0;
    spec.bf16Arithmetic = spec.computeCapability >= kSmallestCapability;
    if (!spec.bf16Arithmetic) {
        reason = spec.name + " has compute capability " + std::to_string(properties.major) + "." + std::to_string(properties.minor)
               + "; 8.0 is needed for bf16 and flash attention. 7.5 cards (RTX 20, T4) are planned for but refused to run until fp16 with loss scaling exists";
        return false;
    }
    static std::mutex mutex;
    static std::map<int, Measured> known;
    const std::lock_guard lock(mutex);
    try {
        if (!known.contains(index))
            known[index] = measure(index);
    } catch (const Error& error) {
        reason = error.message();
        return false;
    }
    const Measured& measured = known[index];
    spec.contextBytes = measured.contextBytes;
    spec.contextIsEstimate = measured.isEstimate;
    spec.availableBytes = measured.freeBefore;
    spec.otherBytes = spec.totalBytes > spec.availableBytes ? spec.totalBytes - spec.availableBytes : 0;
    return true;
}

void* allocate(int index, std::uint64_t bytes)
{
    void* memory = nullptr;
    checkCuda(cudaSetDevice(index), "opening the GPU");
    checkCuda(cudaMalloc(&memory, bytes), "reserving the planned memory");
    // The contexts' streams do not wait for the default stream: the zeros must be there before the memory is handed out.
    cudaError_t result = cudaMemset(memory, 0, bytes);
    if (result == cudaSuccess)
        result = cudaDeviceSynchronize();
    if (result != cudaSuccess) {
        cudaFree(memory);
        checkCuda(result, "clearing the planned memory");
    }
    return memory;
}

void release(int index, void* memory)
{
    cudaSetDevice(index);
    cudaFree(memory);
}

}  // namespace

}  // namespace lorikeet::kernels::cuda

extern "C" __attribute__((visibility("default"))) const lorikeet::kernels::CudaPlugin* lorikeet_cuda_plugin()
{
    using namespace lorikeet::kernels;
    static const CudaPlugin plugin{.ops = &cuda::cudaOps(),
                                   .deviceCount = cuda::deviceCount,
                                   .probe = cuda::probe,
                                   .makeContext = cuda::makeContext,
                                   .destroyContext = cuda::destroyContext,
                                   .allocate = cuda::allocate,
                                   .release = cuda::release};
    return &plugin;
}
