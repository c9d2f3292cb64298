// SPDX-License-Identifier: GPL-3.0-or-later
// `job new`, `job check` and `job fields`: making a job file, finding what is wrong with one, and the table of all fields.
#include "app/cli_job_options.h"
#include "app/cli_verbs.h"
#include "engine/api/datasets.h"
#include "engine/api/models.h"
#include "engine/api/planning.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/units.h"
#include "engine/spec/job_fields.h"
#include "engine/spec/job_fields_markdown.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <optional>

namespace lorikeet::app {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using Severity = Issue::Severity;

struct NewOptions {
    std::string model;
    std::string data;
    std::string target;
    JobOptions fields;
    bool force = false;
};

bool isName(const std::string& model) { return model == "starter" || model.starts_with("blueprint:"); }

/// A path typed in the current folder as the job file has to say it. Absolute paths stay.
std::string pathFromJob(const std::string& typed, const fs::path& jobFolder)
{
    const fs::path path = pathFromUtf8(typed);
    if (typed.empty() || path.is_absolute())
        return typed;
    const fs::path relative = fs::absolute(path).lexically_normal().lexically_relative(fs::absolute(jobFolder).lexically_normal());
    std::string text = relative.empty() ? utf8(fs::absolute(path).lexically_normal()) : relative.generic_u8string().empty() ? "." : utf8(relative);
    std::replace(text.begin(), text.end(), '\\', '/');
    return isName(text) ? "./" + text : text;
}

Job newJob(const NewOptions& options)
{
    Job job;
    job.model.path = options.model;
    job.data.path = options.data;
    options.fields.assignTo(job);
    const fs::path folder = options.target.empty() ? fs::path(".") : fs::absolute(pathFromUtf8(options.target)).parent_path();
    if (!isName(job.model.path))
        job.model.path = pathFromJob(job.model.path, folder);
    for (std::string* path : {&job.data.path, &job.data.validationPath, &job.recipe.initAdapter})
        *path = pathFromJob(*path, folder);
    return job;
}

void warnOfMissingFiles(const NewOptions& options)
{
    if (!isName(options.model) && !fs::exists(pathFromUtf8(options.model)))
        sayWarning("model.path: " + options.model + " does not exist yet");
    if (!fs::exists(pathFromUtf8(options.data)))
        sayWarning("data.path: " + options.data + " does not exist yet");
}

int runNew(const NewOptions& options, Session& session)
{
    const Job job = newJob(options);
    for (const Issue& issue : validate(job)) {
        if (issue.severity == Severity::Error)
            throw Error(ErrorCode::Usage, issue.field + ": " + issue.message, issue.fix);
        sayWarning(issue.field + ": " + issue.message, issue.fix);
    }
    warnOfMissingFiles(options);
    if (options.target.empty()) {
        session.out.text(writeJob(job));
        return 0;
    }
    const fs::path target = pathFromUtf8(options.target);
    if (fs::exists(target) && !options.force)
        throw Error(ErrorCode::Target, options.target + " already exists", "choose another name, or --force to replace it");
    writeFileAtomically(target, writeJob(job));
    session.out.line("wrote " + options.target);
    return 0;
}

// ---- job check ----

/// What a check found, and the exit code of the worst of it.
struct CheckResult {
    std::vector<Issue> issues;
    std::optional<ErrorCode> worst;
    std::optional<api::DataSummary> data;
    std::optional<plan::MemoryPlan> plan;

    void add(const std::string& field, const Error& error)
    {
        issues.push_back({field, Severity::Error, error.message(), error.hint()});
        if (!worst)
            worst = error.code();
    }
};

/// Runs one part of the check; a refusal becomes an issue of `field`, an interrupt goes on.
template <typename Part>
bool checkPart(CheckResult& result, const char* field, const Part& part)
{
    try {
        part();
        return true;
    } catch (const Error& error) {
        if (error.code() == ErrorCode::Cancelled)
            throw;
        result.add(field, error);
        return false;
    }
}

void checkMemory(CheckResult& result, const Job& job, const ModelShape& shape)
{
    const DeviceSpec device = api::findDevice(job.run.device);
    result.plan = api::planJob(shape, job, device);
    if (result.plan->verdict == plan::Verdict::DoesNotFit)
        result.issues.push_back({"", Severity::Warning, "needs " + formatBytes(result.plan->totalBytes()) + ", " + device.name + " can give "
                                                            + formatBytes(result.plan->capacityBytes),
                                 "lower recipe.context or recipe.micro_batch, raise recipe.recompute, or choose a smaller model"});
}

CheckResult checkJob(const Job& job, const std::stop_token& stop)
{
    CheckResult result;
    result.issues = validate(job);
    const auto isError = [](const Issue& issue) { return issue.severity == Severity::Error; };
    if (std::any_of(result.issues.begin(), result.issues.end(), isError)) {
        result.worst = ErrorCode::Usage;
        return result;
    }
    api::ModelInfo model;
    if (!checkPart(result, "model.path", [&] { model = api::inspectModel(job.model.path); }))
        return result;
    checkPart(result, "", [&] { checkMemory(result, job, api::modelShape(job)); });
    if (!checkPart(result, "model.path", [&] { requireRunnableFamily(model.shape, job.model.path); }))
        return result;
    if (model.hasWeights && model.hasTokenizer)
        checkPart(result, "data.path", [&] { result.data = api::summariseData(job, 0, stop, progressOnError()); });
    else
        checkPart(result, "model.path", [&] {
            throw Error(ErrorCode::BadInput, job.model.path + (model.hasWeights ? " has no tokenizer" : " has no weights: it can be planned for, not trained"),
                        "choose a model folder or a GGUF file");
        });
    clearErrorStatus();
    return result;
}

ordered_json toJson(const CheckResult& result)
{
    ordered_json json{{"v", kJsonVersion}, {"ok", !result.worst}, {"issues", ordered_json::array()}};
    for (const Issue& issue : result.issues)
        json["issues"].push_back({{"field", issue.field},
                                  {"severity", issue.severity == Severity::Error ? "error" : "warning"},
                                  {"message", issue.message},
                                  {"fix", issue.fix}});
    if (result.data)
        json["data"] = {{"format", result.data->format},          {"rows", result.data->rows},
                        {"train_rows", result.data->trainRows},   {"validation_rows", result.data->validationRows},
                        {"cut_rows", result.data->cutRows},       {"tokens", result.data->tokens},
                        {"supervised_tokens", result.data->supervisedTokens}};
    if (result.plan)
        json["plan"] = {{"total_bytes", result.plan->totalBytes()}, {"verdict", std::string(plan::nameOf(result.plan->verdict))}};
    return json;
}

void print(Output& out, const CheckResult& result)
{
    for (const Issue& issue : result.issues) {
        out.line(std::string(issue.severity == Severity::Error ? "error    " : "warning  ") + (issue.field.empty() ? "" : issue.field + ": ") + issue.message);
        if (!issue.fix.empty())
            out.line("         next: " + issue.fix);
    }
    if (result.data) {
        out.line("data     " + result.data->format + ", " + std::to_string(result.data->trainRows) + " rows to train on, "
                 + std::to_string(result.data->validationRows) + " held out, " + formatInteger(static_cast<std::uint64_t>(result.data->supervisedTokens)) + " trained tokens");
        for (const api::DroppedRows& dropped : result.data->dropped)
            out.line("         " + std::to_string(dropped.count) + " rows left out: " + dropped.reason + " (first: row " + std::to_string(dropped.rows.front()) + ")");
    }
    if (result.plan)
        out.line("memory   " + formatBytes(result.plan->totalBytes()) + ": " + std::string(plan::nameOf(result.plan->verdict)));
    if (!result.worst)
        out.line("the job is ready");
}

int runCheck(const JobOptions& options, bool json, Session& session)
{
    const CheckResult result = checkJob(options.load(), session.stop);
    if (json)
        session.out.json(toJson(result));
    else
        print(session.out, result);
    return result.worst ? exitCodeOf(*result.worst) : 0;
}

// ---- job fields ----

const char* wordOf(JobField::Type type)
{
    switch (type) {
    case JobField::Type::Integer: return "integer";
    case JobField::Type::Number: return "number";
    case JobField::Type::Boolean: return "boolean";
    case JobField::Type::Text: return "text";
    case JobField::Type::Path: return "path";
    case JobField::Type::Choice: return "choice";
    case JobField::Type::TextList: return "text list";
    case JobField::Type::IntegerMap: return "map of integers";
    case JobField::Type::NumberMap: return "map of numbers";
    }
    return "text";
}

int runFields(bool json, Session& session)
{
    if (!json) {
        session.out.text(jobFieldsMarkdown());
        return 0;
    }
    const Job defaults;
    for (const JobField& field : jobFields()) {
        ordered_json line{{"v", kJsonVersion}, {"key", field.key}, {"label", field.label}, {"type", wordOf(field.type)}, {"default", field.get(defaults)}};
        if (field.minimum < field.maximum)
            line["range"] = {field.minimum, field.maximum};
        if (!field.choices.empty())
            line["choices"] = field.choices;
        line["unit"] = field.unit;
        line["help"] = field.help;
        line["since"] = field.sinceVersion;
        session.out.json(line);
    }
    return 0;
}

void addNew(CLI::App& job, Action& chosen)
{
    const auto options = std::make_shared<NewOptions>();
    CLI::App* verb = job.add_subcommand("new", "write a job file");
    verb->add_option("--model", options->model, "folder, .gguf file, config.json, starter, or blueprint:NAME")->required();
    verb->add_option("--data", options->data, "data file (.jsonl, .json, .csv, .tsv, .txt; also .gz or .zst)")->required();
    verb->add_option("-o,--output", options->target, "file to write; default: standard output");
    options->fields.addSetTo(*verb);
    verb->add_flag("--force", options->force, "replace an existing file");
    verb->callback([options, &chosen] { chosen = [options](Session& session) { return runNew(*options, session); }; });
}

}  // namespace

void addJobVerb(CLI::App& app, Action& chosen)
{
    CLI::App* job = app.add_subcommand("job", "make and check job files");
    job->require_subcommand(1);
    addNew(*job, chosen);
    const auto options = std::make_shared<JobOptions>();
    const auto json = std::make_shared<bool>(false);
    CLI::App* check = job->add_subcommand("check", "say everything that is wrong with a job");
    options->addTo(*check);
    check->add_flag("--json", *json, "one JSON object");
    check->callback([options, json, &chosen] { chosen = [options, json](Session& session) { return runCheck(*options, *json, session); }; });
    CLI::App* fields = job->add_subcommand("fields", "the table of all fields of a job");
    fields->add_flag("--json", *json, "one JSON object per field");
    fields->callback([json, &chosen] { chosen = [json](Session& session) { return runFields(*json, session); }; });
}

}  // namespace lorikeet::app
