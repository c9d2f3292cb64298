// SPDX-License-Identifier: GPL-3.0-or-later
// A job on the command line: its file, and fields changed by --set key=value.
#pragma once

#include "engine/spec/job.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace lorikeet::app {

struct JobOptions {
    std::string file;
    std::vector<std::string> assignments;      ///< of --set
    std::vector<std::string> moreAssignments;  ///< words behind the first of one --set

    /// Adds the positional JOB and --set.
    void addTo(CLI::App& verb);
    /// Adds --set alone.
    void addSetTo(CLI::App& verb);
    /// Assigns all --set values. @throws Error{Usage} on an unknown key, with "did you mean".
    void assignTo(Job& job) const;
    /// The job file with the assignments; paths of the file count from its folder, paths of --set from the current one.
    /// @throws Error{Usage}
    [[nodiscard]] Job load() const;
};

/// Says what validate() found in the fields that begin with `section`. @throws Error{Usage} for the first error.
void requireSound(const Job& job, std::string_view section = {});

}  // namespace lorikeet::app
