// SPDX-License-Identifier: GPL-3.0-or-later
// The rows of the field table, made once; read them through job_fields.h.
#pragma once

#include "engine/spec/job_fields.h"

#include <vector>

namespace lorikeet {

/// All rows in the order of the file: model, data, recipe, run.
[[nodiscard]] std::vector<JobField> makeJobFields();

}  // namespace lorikeet
