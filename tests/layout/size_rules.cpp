// SPDX-License-Identifier: GPL-3.0-or-later
// The limits of the size budget.
#include "tests/layout/size_rules.h"

#include <algorithm>

namespace lorikeet::layout {

namespace {

constexpr int kFileWantsReason = 400;
constexpr int kFileLimit = 600;
constexpr int kHeaderLimit = 150;
constexpr int kMainWindowLimit = 400;
constexpr int kFunctionWantsReason = 40;
constexpr int kFunctionLimit = 80;

bool isHeader(const std::string& path)
{
    return endsWithAny(path, {".h", ".cuh", ".hpp"});
}

bool isCpp(const std::string& path)
{
    return isHeader(path) || endsWithAny(path, {".cpp", ".cu"});
}

int fileLimit(const std::string& path)
{
    if (isHeader(path))
        return kHeaderLimit;
    return path.ends_with("/main_window.cpp") ? kMainWindowLimit : kFileLimit;
}

std::string counted(const std::string& what, int lines, int limit)
{
    return what + " has " + std::to_string(lines) + " lines (limit " + std::to_string(limit) + ")";
}

void checkFunctions(const std::string& path, const std::string& text, SizeReport& report)
{
    const auto functions = functionsOf(text);
    if (!functions) {
        report.violations.push_back(path + ": its braces do not match, so that its functions cannot be measured");
        return;
    }
    for (const auto& function : *functions) {
        const std::string what = path + ":" + std::to_string(function.firstLine) + ": " + function.name;
        if (function.lines > kFunctionLimit)
            report.violations.push_back(counted(what, function.lines, kFunctionLimit));
        else if (function.lines > kFunctionWantsReason)
            report.notes.push_back(counted(what, function.lines, kFunctionWantsReason));
    }
}

}  // namespace

SizeReport checkSizes(const SourceTree& tree, const std::vector<std::string>& generated)
{
    SizeReport report;
    for (const auto& name : generated) {
        const auto file = tree.find(name);
        if (file == tree.end())
            report.violations.push_back(name + ": is listed as generated and does not exist");
        else if (file->second.substr(0, 600).find("enerated by ") == std::string::npos)
            report.violations.push_back(name + ": is listed as generated and does not say by what");
    }
    for (const auto& [path, text] : tree) {
        if (std::find(generated.begin(), generated.end(), path) != generated.end())
            continue;
        const int lines = lineCount(text);
        if (lines > fileLimit(path))
            report.violations.push_back(counted(path, lines, fileLimit(path)));
        else if (lines > kFileWantsReason)
            report.notes.push_back(counted(path, lines, kFileWantsReason));
        if (isCpp(path))
            checkFunctions(path, text, report);
    }
    return report;
}

}  // namespace lorikeet::layout
