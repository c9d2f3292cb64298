// SPDX-License-Identifier: GPL-3.0-or-later
// Turning a finished run into files the rest of the ecosystem loads, and proving it.
#pragma once

#include "engine/base/progress.h"

#include <filesystem>
#include <string>
#include <vector>

namespace lorikeet::api {

struct ExportRequest {
    std::filesystem::path runFolder;
    std::string to = "peft";
    std::filesystem::path target;
    bool replace = false;  ///< replace an existing folder at the target
};

/// One proven statement about the written files.
struct ExportCheck {
    std::string what;  ///< "tensors read back equal", "logits of base + exported adapter equal the trained ones"
    bool passed = false;
    std::string detail;  ///< "420 tensors", "largest difference 0"
};

struct ExportReport {
    std::filesystem::path folder;
    std::vector<std::string> files;
    std::uint64_t bytes = 0;
    std::vector<ExportCheck> checks;
    std::string sha256;  ///< of adapter_model.safetensors
};

/// Blocks. @throws Error{Target} when it cannot be written, Error{BadInput} when the run has no adapter, Error{Internal} when a check
/// fails (the target is then not put in place).
[[nodiscard]] ExportReport exportRun(const ExportRequest& request, const std::stop_token& stop, const ProgressFn& progress);

struct AdapterInfo {
    std::filesystem::path folder;
    std::string baseModel;
    std::int64_t rank = 0;
    double alpha = 0;
    bool rslora = false;
    bool dora = false;
    std::vector<std::string> targets;
    std::vector<std::string> alsoTrained;  ///< modules that were trained whole beside it
    std::int64_t tensors = 0;
    std::uint64_t parameters = 0;
};
[[nodiscard]] AdapterInfo inspectAdapter(const std::filesystem::path& folder);

}  // namespace lorikeet::api
