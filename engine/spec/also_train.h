// SPDX-License-Identifier: GPL-3.0-or-later
// Parts of the model that are trained whole beside an adapter.
#pragma once

#include "engine/spec/job.h"

namespace lorikeet {

/// What recipe.also_train names; nothing in full fine-tuning, which trains it anyway.
struct AlsoTrain {
    bool embeddings = false;
    bool head = false;  ///< with a tied head either word means the one table
    bool norms = false;

    [[nodiscard]] bool any() const noexcept { return embeddings || head || norms; }
};
/// @throws Error{Usage} on an unknown word.
[[nodiscard]] AlsoTrain alsoTrainOf(const Job& job);

}  // namespace lorikeet
