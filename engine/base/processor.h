// SPDX-License-Identifier: GPL-3.0-or-later
// Instruction sets of this processor, asked from the processor itself (cpuid), the same on every system.
#pragma once

#include "engine/base/system.h"

namespace lorikeet {

/// Name and instruction sets; `threads` is left at 1. A set counts only when the operating system saves its registers too
/// (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, section 14.3).
[[nodiscard]] Processor processorFeatures();

}  // namespace lorikeet
