// SPDX-License-Identifier: GPL-3.0-or-later
// Job files of older format versions, brought up to date one step at a time. Each added key raises the version and gets one step
// here and one fixture in tests/engine/spec/fixtures/.
#pragma once

#include "engine/spec/job.h"

#include <nlohmann/json_fwd.hpp>

#include <span>
#include <string>

namespace lorikeet {

/// From version `from` to `from` + 1: renames, moves or fills in what the newer version says differently.
struct JobMigration {
    int from = 0;
    void (*apply)(nlohmann::ordered_json& document) = nullptr;
};

/// All steps, oldest first; one for each version before kJobVersion.
[[nodiscard]] std::span<const JobMigration> jobMigrations();

/// The version a document says it has. @throws Error{Usage} when "lorikeet_job" is missing, not a whole number from 1, or newer
/// than `newest`.
[[nodiscard]] int jobVersionOf(const nlohmann::ordered_json& document, int newest = kJobVersion);

/// Applies the steps from the document's version up to `newest` and sets "lorikeet_job" to it.
/// @throws Error{Usage} as jobVersionOf; Error{Internal} when a step is missing.
void migrateJob(nlohmann::ordered_json& document, std::span<const JobMigration> steps, int newest);

}  // namespace lorikeet
