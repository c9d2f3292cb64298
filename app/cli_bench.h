// SPDX-License-Identifier: GPL-3.0-or-later
// The parts of `bench` that have files of their own.
#pragma once

#include "app/cli_verbs.h"

namespace lorikeet::app {

void addPlanBench(CLI::App& parent, Action& chosen);
void addTextBench(CLI::App& parent, Action& chosen);

}  // namespace lorikeet::app
