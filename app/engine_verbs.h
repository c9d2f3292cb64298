// SPDX-License-Identifier: GPL-3.0-or-later
// The window's verbs, filled from the face of the engine.
#pragma once

#include "ui/engine_verbs.h"

namespace lorikeet::app {

[[nodiscard]] ui::EngineVerbs engineVerbs();

}  // namespace lorikeet::app
