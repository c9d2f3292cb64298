// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/hardware/cuda_loader.h"

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/system.h"

#include <cstdlib>

namespace lorikeet::hardware {

namespace {

#if defined(_WIN32)
constexpr const char* kDriver = "nvcuda.dll";
constexpr const char* kModule = "lorikeet_cuda.dll";
#else
constexpr const char* kDriver = "libcuda.so.1";
constexpr const char* kModule = "lorikeet_cuda.so";
#endif

bool hasDriver()
{
    try {
        const DynamicLibrary driver(kDriver, false);
        return driver.symbol("cuInit") != nullptr;
    } catch (const Error&) {
        return false;
    }
}

CudaModule refused(std::string reason)
{
    return {{false, std::move(reason), {}}, nullptr};
}

CudaModule find(const char* symbolName)
{
    if (!hasDriver())
        return refused(std::string("no NVIDIA driver is installed (") + kDriver + " was not found)");
    for (const std::filesystem::path& place : cudaModulePlaces()) {
        std::error_code failed;
        if (std::filesystem::is_regular_file(place, failed))
            return openCudaModule(place, symbolName);
    }
    return refused("an NVIDIA driver is here, but this installation was built without CUDA");
}

}  // namespace

std::vector<std::filesystem::path> cudaModulePlaces()
{
    std::vector<std::filesystem::path> places;
    if (const char* named = std::getenv("LORIKEET_CUDA_MODULE"); named != nullptr && *named != '\0')
        places.push_back(pathFromUtf8(named));
    const std::filesystem::path folder = executableFolder();
    places.push_back((folder / ".." / "lib" / kModule).lexically_normal());
    places.push_back(folder / kModule);
    return places;
}

CudaModule openCudaModule(const std::filesystem::path& file, const char* symbolName)
{
    try {
        // Its symbols stay its own: the program carries copies of the same rooms.
        const DynamicLibrary library(file, false);
        CudaModule module{{true, {}, file}, library.symbol(symbolName)};
        if (module.symbol == nullptr)
            return refused(utf8(file) + " is not a module of this program");
        return module;
    } catch (const Error& error) {
        return refused(error.message());
    }
}

const CudaModule& cudaModule(const char* symbolName)
{
    static const CudaModule module = find(symbolName);
    return module;
}

}  // namespace lorikeet::hardware
