// SPDX-License-Identifier: GPL-3.0-or-later
// Three recipes to start from. A preset sets what it names and leaves the rest.
#pragma once

#include "engine/spec/job.h"

#include <array>

namespace lorikeet::ui {

struct RecipePreset {
    const char* name;
    const char* purpose;
    std::int64_t rank;
    double alpha;
    double epochs;
    double learningRate;
};

inline constexpr std::array<RecipePreset, 3> kRecipePresets{{
    {"Quick look", "A small adapter and one pass over the data: does it learn at all?", 8, 16, 1, 3e-4},
    {"Balanced", "A good first real run for most data sets.", 16, 32, 3, 2e-4},
    {"Thorough", "A wide adapter and small steps, for large or detailed data.", 64, 64, 3, 1e-4},
}};

[[nodiscard]] inline Job withPreset(Job job, const RecipePreset& preset)
{
    job.recipe.rank = preset.rank;
    job.recipe.alpha = preset.alpha;
    job.recipe.epochs = preset.epochs;
    job.recipe.learningRate = preset.learningRate;
    return job;
}

[[nodiscard]] inline bool matchesPreset(const Job& job, const RecipePreset& preset)
{
    return job.recipe.rank == preset.rank && job.recipe.alpha == preset.alpha && job.recipe.epochs == preset.epochs
        && job.recipe.learningRate == preset.learningRate;
}

}  // namespace lorikeet::ui
