// SPDX-License-Identifier: GPL-3.0-or-later
// What this machine can compute on, measured.
#pragma once

#include "engine/spec/device_spec.h"

namespace lorikeet::hardware {

/// The CPU with its memory: capacity is what a process can still get plus what this one holds already, which is the context term.
[[nodiscard]] DeviceSpec probeCpu();

}  // namespace lorikeet::hardware
