// SPDX-License-Identifier: GPL-3.0-or-later
// Finds and opens the shared module `lorikeet_cuda`, once per process. What is in it, `model` knows.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lorikeet::hardware {

/// Whether CUDA can be used here; `reason` is a sentence for people where it cannot.
struct CudaStatus {
    bool available = false;
    std::string reason;
    std::filesystem::path module;  ///< the file that was opened
};

/// The module opened, or why not. `symbol` is the address of the name asked for.
struct CudaModule {
    CudaStatus status;
    void* symbol = nullptr;
};

/// Looks for a driver first, so that a machine without one pays nothing. Thread-safe; later calls give the first answer. Does not throw.
[[nodiscard]] const CudaModule& cudaModule(const char* symbolName);

/// Where the module is looked for, in order: LORIKEET_CUDA_MODULE, <program>/../lib, <program>.
[[nodiscard]] std::vector<std::filesystem::path> cudaModulePlaces();

/// Opens the module at `file` and looks up a symbol in it, driver or not. Does not throw.
[[nodiscard]] CudaModule openCudaModule(const std::filesystem::path& file, const char* symbolName);

}  // namespace lorikeet::hardware
