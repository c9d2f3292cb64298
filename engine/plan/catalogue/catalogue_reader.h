// SPDX-License-Identifier: GPL-3.0-or-later
// The catalogue's JSON files to values. Kept apart from the built-in files so that bad ones can be read too.
#pragma once

#include "engine/plan/catalogue/catalogue.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet::plan {

struct DeviceCatalogue {
    std::uint64_t contextBytes = 0;  ///< estimate of the CUDA context
    std::vector<CatalogueDevice> devices;
};

/// Reads resources/catalogue/devices.json (format version 2; devices.schema.json says the fields). `where` is the file in messages.
/// @throws Error{BadInput} naming the entry and the field: missing, misspelt, of a wrong type or out of range; figures that contradict each
/// other (bandwidth and bus, fp32 rate and cores, usable and whole memory, tensor rates and cores); a name used twice; an unknown source.
[[nodiscard]] DeviceCatalogue readDeviceCatalogue(std::string_view json, const std::string& where);

/// Reads resources/catalogue/blueprints.json (format version 2; blueprints.schema.json). @throws Error{BadInput} as above, also when the
/// shape's parameter count is not the published one.
[[nodiscard]] std::vector<Blueprint> readBlueprints(std::string_view json, const std::string& where);

}  // namespace lorikeet::plan
