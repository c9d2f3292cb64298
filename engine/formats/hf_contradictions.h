// SPDX-License-Identifier: GPL-3.0-or-later
// What a config.json says twice, and not the same.
#pragma once

#include "engine/formats/hf_families.h"
#include "engine/formats/json_text.h"

namespace lorikeet::formats {

/// transformers lets one of two places win without a word; which one the author meant nobody can know.
/// @throws Error{BadInput} naming both fields where the model class is another type's, or the positions are stated twice and differ.
void refuseContradictions(const JsonFields& fields, const FamilyDefaults& family);

}  // namespace lorikeet::formats
