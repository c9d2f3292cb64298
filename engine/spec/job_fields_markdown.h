// SPDX-License-Identifier: GPL-3.0-or-later
// The field table as the README shows it; a test compares the two.
#pragma once

#include <string>

namespace lorikeet {

/// Everything between the markers `<!-- job-fields -->` and `<!-- /job-fields -->` of README.md, without them: one table for each
/// section of the job file, ending in a line break.
[[nodiscard]] std::string jobFieldsMarkdown();

}  // namespace lorikeet
