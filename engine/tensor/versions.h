// SPDX-License-Identifier: GPL-3.0-or-later
// Version of the LibTorch this program runs with, and a small product through it.
#pragma once

#include <string>

namespace lorikeet::tensor {

/// "2.11.0"
[[nodiscard]] std::string torchVersion();
/// Multiplies two small matrices; true when the result is right. @throws Error
[[nodiscard]] bool torchMultiplies();

}  // namespace lorikeet::tensor
