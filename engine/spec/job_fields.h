// SPDX-License-Identifier: GPL-3.0-or-later
// The one table of job fields: type, default, range, unit, choices and help. The CLI's --set, validation, the window's controls and
// the README's table are all made from it.
#pragma once

#include "engine/spec/job.h"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet {

/// One field of the job file.
struct JobField {
    enum class Type : std::uint8_t { Integer, Number, Boolean, Text, Path, Choice, TextList, IntegerMap, NumberMap };

    std::string key;    ///< "recipe.learning_rate"
    std::string label;  ///< "Learning rate"
    Type type = Type::Text;
    double minimum = 0;  ///< inclusive, for Integer and Number (maps: of each value)
    double maximum = 0;
    double sensibleMinimum = 0;  ///< range a slider offers
    double sensibleMaximum = 0;
    std::string unit;                   ///< "tokens", "steps", ""
    std::vector<std::string> choices;   ///< of a Choice; of a TextList: the words it takes, none for recipe.targets
    std::string help;                   ///< one sentence: what it does to quality, speed and memory
    bool advanced = true;               ///< hidden in the simple view of the Recipe page
    int sinceVersion = 1;               ///< job format version that brought it
    std::map<std::string, int> choicesSince;  ///< versions of choices that are newer than the field

    /// Value as JSON, and assignment from JSON with type and range check. @throws Error{Usage}
    std::function<nlohmann::ordered_json(const Job&)> get;
    std::function<void(Job&, const nlohmann::ordered_json&)> set;
};

/// All fields in the order of the file.
[[nodiscard]] std::span<const JobField> jobFields();
/// Field by key, or nullptr.
[[nodiscard]] const JobField* findJobField(std::string_view key);
/// Assigns from the text of `--set key=value`: numbers, true/false, bare text, comma lists ("q,v"), key=value lists for maps
/// ("q_proj:8,down_proj:32") or JSON. @throws Error{Usage} with "did you mean".
void setJobField(Job& job, std::string_view key, std::string_view text);
/// Nearest known key by edit distance, if near enough to be meant.
[[nodiscard]] std::optional<std::string> suggestJobKey(std::string_view key);

}  // namespace lorikeet
