// SPDX-License-Identifier: GPL-3.0-or-later
// Texts of resources/catalogue/*.json, put into the program at build time (embed_text.cmake).
#pragma once

#include <string_view>

namespace lorikeet::plan {

/// resources/catalogue/devices.json
[[nodiscard]] std::string_view devicesText();
/// resources/catalogue/blueprints.json
[[nodiscard]] std::string_view blueprintsText();

}  // namespace lorikeet::plan
