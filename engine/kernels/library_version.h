// SPDX-License-Identifier: GPL-3.0-or-later
// Version of the CPU's matrix library.
#pragma once

#include <string>

namespace lorikeet::kernels {

/// "2.6.3"
[[nodiscard]] std::string oneDnnVersion();

}  // namespace lorikeet::kernels
