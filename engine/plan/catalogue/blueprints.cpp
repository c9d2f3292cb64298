// SPDX-License-Identifier: GPL-3.0-or-later
// Models by configuration only.
#include "engine/plan/catalogue/catalogue_reader.h"
#include "engine/plan/catalogue/embedded_text.h"
#include "engine/spec/job_words.h"

#include <algorithm>
#include <vector>

namespace lorikeet::plan {

namespace {

std::string lowerCase(std::string_view text)
{
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return lower;
}

/// Without "blueprint:" and "organisation/", in lower case.
std::string bareName(std::string_view name)
{
    std::string lower = lowerCase(name);
    const auto mark = lower.find_last_of(":/");
    return mark == std::string::npos ? lower : lower.substr(mark + 1);
}

}  // namespace

std::span<const Blueprint> blueprints()
{
    static const std::vector<Blueprint> all = readBlueprints(blueprintsText(), "blueprints.json");
    return all;
}

const ModelShape* findBlueprint(std::string_view name)
{
    const std::string wanted = bareName(name);
    for (const Blueprint& blueprint : blueprints())
        if (lowerCase(blueprint.shape.name) == wanted || bareName(blueprint.repository) == wanted)
            return &blueprint.shape;
    return nullptr;
}

std::optional<std::string> suggestBlueprint(std::string_view name)
{
    std::vector<std::string> known;
    for (const Blueprint& blueprint : blueprints())
        known.push_back(lowerCase(blueprint.shape.name));
    const auto near = nearestWord(bareName(name), known);
    if (!near)
        return std::nullopt;
    return blueprints()[static_cast<std::size_t>(std::ranges::find(known, *near) - known.begin())].shape.name;
}

}  // namespace lorikeet::plan
