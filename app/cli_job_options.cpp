// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli_job_options.h"

#include "app/cli_output.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/spec/job_fields.h"

#include <CLI/CLI.hpp>

namespace lorikeet::app {

namespace {

void assign(Job& job, const std::string& text)
{
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
        throw Error(ErrorCode::Usage, "\"" + text + "\" assigns nothing", "write --set key=value, for instance --set recipe.rank=8");
    setJobField(job, std::string_view(text).substr(0, equals), std::string_view(text).substr(equals + 1));
}

}  // namespace

void JobOptions::addTo(CLI::App& verb)
{
    verb.add_option("job", file, "job file (*.lorikeet.json)")->required();
    addSetTo(verb);
}

void JobOptions::addSetTo(CLI::App& verb)
{
    verb.add_option("--set", assignments, "change a field: --set recipe.rank=8 (`job fields` lists them); may be repeated")
        ->type_name("KEY=VALUE")
        ->expected(1)
        ->take_all();
    verb.add_option("assignments", moreAssignments, "more KEY=VALUE")->group("");
}

void JobOptions::assignTo(Job& job) const
{
    for (const std::string& text : assignments)
        assign(job, text);
    for (const std::string& text : moreAssignments)
        assign(job, text);
}

Job JobOptions::load() const
{
    Job job = loadJobFile(pathFromUtf8(file));
    assignTo(job);
    resolvePaths(job, ".");
    return job;
}

void requireSound(const Job& job, std::string_view section)
{
    const Issue* first = nullptr;
    const std::vector<Issue> issues = validate(job);
    for (const Issue& issue : issues) {
        if (!issue.field.starts_with(section))
            continue;
        if (issue.severity == Issue::Severity::Warning)
            sayWarning(issue.field + ": " + issue.message, issue.fix);
        else if (first == nullptr)
            first = &issue;
        else
            sayError(issue.field + ": " + issue.message, issue.fix);
    }
    if (first != nullptr)
        throw Error(ErrorCode::Usage, first->field + ": " + first->message, first->fix);
}

}  // namespace lorikeet::app
