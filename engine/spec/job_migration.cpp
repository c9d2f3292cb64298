// SPDX-License-Identifier: GPL-3.0-or-later
// Versions of job files.
#include "engine/spec/job_migration.h"

#include "engine/base/check.h"
#include "engine/base/error.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace lorikeet {

namespace {

const char* const kVersionKey = "lorikeet_job";

}  // namespace

std::span<const JobMigration> jobMigrations()
{
    // Versions 2 to 4 only added keys and choices.
    constexpr auto kNothing = [](nlohmann::ordered_json&) {};
    static constexpr std::array<JobMigration, 3> kSteps{JobMigration{1, kNothing}, JobMigration{2, kNothing}, JobMigration{3, kNothing}};
    return kSteps;
}

int jobVersionOf(const nlohmann::ordered_json& document, int newest)
{
    const auto found = document.find(kVersionKey);
    if (found == document.end())
        throw Error(ErrorCode::Usage, "the key \"lorikeet_job\" is missing, expected \"lorikeet_job\": " + std::to_string(newest),
                    "add it if this is a job file; lorikeet-cli job new writes one");
    if (!found->is_number_integer() || *found < 1)
        throw Error(ErrorCode::Usage,
                    "\"lorikeet_job\" is " + found->dump().substr(0, 40) + ", expected a whole number from 1 to "
                        + std::to_string(newest),
                    "write \"lorikeet_job\": " + std::to_string(newest));
    if (*found > newest)
        throw Error(ErrorCode::Usage,
                    "the job has format version " + found->dump() + ", this program reads versions up to " + std::to_string(newest),
                    "a newer Lorikeet wrote it; update this one, or leave the newer fields at their defaults there and save again");
    return found->get<int>();
}

void migrateJob(nlohmann::ordered_json& document, std::span<const JobMigration> steps, int newest)
{
    for (int version = jobVersionOf(document, newest); version < newest; ++version) {
        const auto step = std::ranges::find(steps, version, &JobMigration::from);
        LORIKEET_CHECK(step != steps.end(), "no step from job version " + std::to_string(version));
        step->apply(document);
        document[kVersionKey] = version + 1;
    }
}

}  // namespace lorikeet
