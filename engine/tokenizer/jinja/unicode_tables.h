// SPDX-License-Identifier: GPL-3.0-or-later
// Declarations of the generated tables of code point properties and case mappings.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace lorikeet::jinja {

struct CodeRange {
    std::uint32_t first;
    std::uint32_t last;
};
/// first, first + stride, ..., last each map to themselves + delta.
struct CaseRun {
    std::uint32_t first;
    std::uint32_t last;
    std::uint32_t stride;
    std::int32_t delta;
};
/// A code point that maps to several (UTF-8).
struct SpecialCase {
    std::uint32_t code;
    std::string_view mapped;
};

extern const std::vector<CodeRange> kAlphabetic, kDecimal, kDigit, kNumeric, kUnprintable, kUppercase, kLowercase,
    kTitlecase, kCaseIgnorable;
extern const std::vector<CaseRun> kUpperRuns, kLowerRuns, kTitleRuns;
extern const std::vector<SpecialCase> kUpperSpecials, kLowerSpecials, kTitleSpecials;

}  // namespace lorikeet::jinja
