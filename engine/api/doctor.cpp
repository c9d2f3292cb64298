// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/api/doctor.h"

#include "engine/api/models.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/openmp_wait.h"
#include "engine/base/system.h"
#include "engine/base/units.h"
#include "engine/kernels/library_version.h"
#include "engine/kernels/matmul.h"
#include "engine/kernels/op_table.h"
#include "engine/kernels/threads.h"
#include "engine/model/cuda_device.h"
#include "engine/tensor/versions.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <functional>

namespace lorikeet::api {

namespace {

using State = DoctorLine::State;

/// GFLOP/s of a 512 x 512 x 512 product, best of three.
double productRate(DType dtype)
{
    constexpr std::int64_t kSize = 512;
    std::vector<std::byte> storage(static_cast<std::size_t>(3 * kSize * kSize) * bytesOf(dtype));
    const auto part = [&](int i) { return kernels::Mat{storage.data() + static_cast<std::uint64_t>(i * kSize * kSize) * bytesOf(dtype), dtype, kSize, kSize}; };
    std::vector<std::byte> scratch(kernels::cpuMatmulScratchBytes({kSize, kSize, kSize, false, true, dtype, dtype}) + 64);
    kernels::Context context;
    context.ops = &kernels::cpuOps();
    context.matmulScratch = scratch.data();
    context.matmulScratchBytes = scratch.size();
    double best = 0;
    for (int round = 0; round < 4; ++round) {
        const auto start = std::chrono::steady_clock::now();
        kernels::matmul(context, {.c = part(0), .a = part(1), .b = part(2), .transposeB = true});
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        best = std::max(best, 2.0 * kSize * kSize * kSize / seconds * 1e-9);
    }
    return best;
}

DoctorLine lineOf(const std::string& topic, const std::function<DoctorLine()>& look)
{
    try {
        return look();
    } catch (const Error& error) {
        return {topic, State::Problem, error.message(), error.hint()};
    } catch (const std::exception& error) {
        return {topic, State::Problem, error.what(), "run packaging/linux/run.sh again"};
    }
}

DoctorLine processorLine()
{
    const Processor cpu = processor();
    const std::string sets = cpu.avx512Bf16 ? "AVX-512 with bf16" : cpu.avx512 ? "AVX-512" : cpu.avx2 ? "AVX2" : "no AVX2";
    return {"processor", State::Good, cpu.name + ", " + std::to_string(cpu.threads) + " threads, " + sets + ", kernels: " + kernels::cpuOps().name, ""};
}

DoctorLine memoryLine()
{
    const HostMemory memory = hostMemory();
    return {"memory", State::Good, formatBytes(memory.availableBytes) + " of " + formatBytes(memory.totalBytes) + " available", ""};
}

DoctorLine torchLine()
{
    const bool right = tensor::torchMultiplies();
    return {"LibTorch", right ? State::Good : State::Problem, tensor::torchVersion() + (right ? ", multiplies" : ", gives a wrong product"),
            right ? "" : "run packaging/linux/run.sh again"};
}

DoctorLine cudaLine()
{
    const model::CudaDevices cuda = model::cudaDevices();
    std::string text;
    for (const DeviceSpec& device : cuda.usable)
        text += (text.empty() ? "" : "; ") + device.id + " " + device.name + ", " + formatBytes(device.availableBytes) + " of "
              + formatBytes(device.totalBytes) + " available";
    if (!cuda.usable.empty())
        return {"CUDA", State::Good, text + (cuda.reason.empty() ? "" : "; another card cannot be used: " + cuda.reason), ""};
    return {"CUDA", State::Note, cuda.reason, "jobs run on the CPU here"};
}

DoctorLine oneDnnLine()
{
    std::string text = kernels::oneDnnVersion() + ", fp32 " + formatNumber(productRate(DType::F32), 3) + " GFLOP/s";
    if (kernels::cpuMultipliesBf16())
        return {"oneDNN", State::Good, text + ", bf16 " + formatNumber(productRate(DType::BF16), 3) + " GFLOP/s", ""};
    return {"oneDNN", State::Note, text + ", no bf16 products here", "bf16 jobs store bf16 and compute in fp32 on this processor"};
}

DoctorLine openMpLine()
{
    const OpenMpWait wait = openMpWait();
    const std::string threads = std::to_string(kernels::cpuThreads()) + " threads, wait ";
    switch (wait.source) {
    case OpenMpWait::Source::Program: return {"OpenMP", State::Good, threads + "with spin limit " + std::to_string(kOpenMpSpinLimit), ""};
    case OpenMpWait::Source::User: return {"OpenMP", State::Good, threads + "as the environment says: " + wait.setting, ""};
    case OpenMpWait::Source::Library: break;
    }
    return {"OpenMP", State::Note, threads + "with the library's own spin limit", "where other programs run beside it, set OMP_WAIT_POLICY=passive"};
}

DoctorLine starterLine()
{
    if (hasStarterModel())
        return {"starter model", State::Good, inspectModel("starter").shape.name + " at " + utf8(locateModel("starter")), ""};
    return {"starter model", State::Note, "not fetched", "run packaging/linux/run.sh once with a network"};
}

DoctorLine folderLine(const std::string& topic, const std::filesystem::path& folder)
{
    const bool writable = isWritableTarget(folder);
    return {topic, writable ? State::Good : State::Problem, utf8(folder) + (writable ? "" : " cannot be written"),
            writable ? "" : "check its permissions and the free space"};
}

}  // namespace

std::vector<DoctorLine> doctor()
{
    return {lineOf("processor", processorLine), lineOf("memory", memoryLine),     lineOf("LibTorch", torchLine),
            lineOf("oneDNN", oneDnnLine),       lineOf("OpenMP", openMpLine), lineOf("CUDA", cudaLine),
            lineOf("starter model", starterLine),
            lineOf("runs folder", [] { return folderLine("runs folder", dataFolder() / "runs"); }),
            lineOf("cache folder", [] { return folderLine("cache folder", cacheFolder()); })};
}

std::vector<LibraryVersion> libraryVersions()
{
    return {{"lorikeet", LORIKEET_VERSION},
            {"libtorch", tensor::torchVersion()},
            {"onednn", kernels::oneDnnVersion()},
            {"nlohmann_json", std::to_string(NLOHMANN_JSON_VERSION_MAJOR) + "." + std::to_string(NLOHMANN_JSON_VERSION_MINOR) + "."
                                  + std::to_string(NLOHMANN_JSON_VERSION_PATCH)}};
}

}  // namespace lorikeet::api
