// SPDX-License-Identifier: GPL-3.0-or-later
// How one row of the field table is made: typed access to a member of Job, with the checks of its type and range.
#pragma once

#include "engine/spec/job_fields.h"

#include <string>
#include <vector>

namespace lorikeet {

/// What a row says in words.
struct FieldWords {
    std::string key;
    std::string label;
    std::string unit;
    std::string help;
    bool advanced = true;
    int sinceVersion = 1;  ///< job format version that brought the field
};

/// Inclusive range that is accepted, and the range a slider offers.
struct FieldRange {
    double minimum = 0;
    double maximum = 0;
    double sensibleMinimum = 0;
    double sensibleMaximum = 0;
};

/// Access to a member: `[](Job& job) -> T& { return job.recipe.rank; }`.
template <typename T>
using FieldAccess = T& (*)(Job&);

/// Accepts whole numbers in the range (16, also 16.0).
[[nodiscard]] JobField integerField(FieldWords words, FieldRange range, FieldAccess<std::int64_t> access);
/// Accepts finite numbers in the range.
[[nodiscard]] JobField numberField(FieldWords words, FieldRange range, FieldAccess<double> access);
[[nodiscard]] JobField booleanField(FieldWords words, FieldAccess<bool> access);
/// Accepts text without control characters; `check` may throw Error{Usage} for more.
[[nodiscard]] JobField textField(FieldWords words, FieldAccess<std::string> access, void (*check)(const std::string&) = nullptr);
[[nodiscard]] JobField pathField(FieldWords words, FieldAccess<std::string> access);
/// Accepts one of `choices`; the nearest one is named otherwise.
[[nodiscard]] JobField choiceField(FieldWords words, std::vector<std::string> choices, FieldAccess<std::string> access);
/// recipe.targets: a list of words, or one text of words with commas between them.
[[nodiscard]] JobField targetsField(FieldWords words, FieldAccess<std::vector<std::string>> access);
/// A list of some of `choices`, each once, in their order; or one text of words with commas between them. May be empty.
[[nodiscard]] JobField wordsField(FieldWords words, std::vector<std::string> choices, FieldAccess<std::vector<std::string>> access);
/// recipe.added_tokens: a list of different texts; or one text with commas between them. May be empty.
[[nodiscard]] JobField tokensField(FieldWords words, FieldAccess<std::vector<std::string>> access);
/// recipe.recompute: a level as number or text, or text with levels by layer range.
[[nodiscard]] JobField recomputeField(FieldWords words, FieldAccess<std::string> access);
/// Maps of a module pattern to a value in the range.
[[nodiscard]] JobField integerMapField(FieldWords words, FieldRange range, FieldAccess<std::map<std::string, std::int64_t>> access);
[[nodiscard]] JobField numberMapField(FieldWords words, FieldRange range, FieldAccess<std::map<std::string, double>> access);

}  // namespace lorikeet
