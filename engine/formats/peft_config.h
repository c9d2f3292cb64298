// SPDX-License-Identifier: GPL-3.0-or-later
// adapter_config.json of a LoRA adapter: read with everything refused that changes the arithmetic in a way we do not have, written as
// PEFT writes it (indent 2, sorted keys; peft/tuners/lora/config.py).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorikeet::formats {

struct PeftConfig {
    std::int64_t rank = 8;
    double alpha = 8;
    double dropout = 0;
    bool useDora = false;                    ///< a trained magnitude for each output of an adapted map
    bool useRslora = false;                  ///< scale alpha / sqrt(rank) instead of alpha / rank
    std::vector<std::string> targetModules;  ///< module names or path ends, as a list; empty when targetPattern is set
    std::optional<std::string> targetPattern;  ///< target_modules given as one regular expression for whole module paths
    /// Regular expression for path ends -> rank (alpha). The first that matches wins, so the order of the file is kept.
    std::vector<std::pair<std::string, std::int64_t>> rankPattern;
    std::vector<std::pair<std::string, double>> alphaPattern;
    std::vector<std::string> modulesToSave;  ///< modules that are trained whole, by the ends of their paths
    bool ensureWeightTying = false;          ///< a table that is both embedding and head stays one
    std::optional<std::string> baseModel;  ///< base_model_name_or_path
    std::optional<std::string> revision;
    std::optional<std::string> taskType = "CAUSAL_LM";
    bool inferenceMode = true;
    std::string peftVersion = "0.18.0";  ///< the version whose keys these are

    bool operator==(const PeftConfig&) const = default;
};

/// `where` is the file in messages. Keys that are absent have PEFT's defaults; keys of newer versions are ignored while they are off.
/// @throws Error{BadInput} naming the feature: another method than LoRA, biases, layers_to_transform, PiSSA-like
/// initialisation that changes the base weights, ...; a value of a wrong type or range.
[[nodiscard]] PeftConfig parsePeftConfig(std::string_view json, const std::string& where);
/// The same from a file.
[[nodiscard]] PeftConfig readPeftConfig(const std::filesystem::path& path);

/// The text PEFT would write, for the keys that it has had since 0.18 (no line feed at the end).
[[nodiscard]] std::string peftConfigJson(const PeftConfig& config);
/// Writes it atomically. @throws Error{Target}
void writePeftConfig(const std::filesystem::path& path, const PeftConfig& config);

}  // namespace lorikeet::formats
