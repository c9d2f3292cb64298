// SPDX-License-Identifier: GPL-3.0-or-later
// The verbs of lorikeet-cli. Each adds its subcommand with its options; what was chosen is run after the command line is parsed.
#pragma once

#include "app/cli_output.h"

#include <functional>
#include <stop_token>

namespace CLI {
class App;
}

namespace lorikeet::app {

/// What a verb is given: standard output, and the token that Ctrl-C trips.
struct Session {
    Output& out;
    std::stop_token stop;
};

/// Runs a verb and returns its exit code. @throws Error, OutputClosed.
using Action = std::function<int(Session&)>;

void addJobVerb(CLI::App& app, Action& chosen);
void addPlanVerb(CLI::App& app, Action& chosen);
void addTrainVerb(CLI::App& app, Action& chosen);
void addExportVerb(CLI::App& app, Action& chosen);
void addGenerateVerb(CLI::App& app, Action& chosen);
void addLogitsVerb(CLI::App& app, Action& chosen);
void addInspectVerb(CLI::App& app, Action& chosen);
void addTokenizeVerb(CLI::App& app, Action& chosen);
void addBenchVerb(CLI::App& app, Action& chosen);
void addDoctorVerb(CLI::App& app, Action& chosen);

/// Version of the objects that --json prints, unless they are run events (kEventVersion) or plans.
inline constexpr int kJsonVersion = 1;

}  // namespace lorikeet::app
