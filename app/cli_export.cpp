// SPDX-License-Identifier: GPL-3.0-or-later
// `export`: the adapter or the model of a run as files that other programs load, with the proof that they are right.
#include "app/cli_verbs.h"
#include "engine/api/exporting.h"
#include "engine/base/files.h"
#include "engine/base/units.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <memory>

namespace lorikeet::app {

namespace {

struct ExportOptions {
    std::string run;
    std::string to = "peft";
    std::string target;
    bool force = false;
    bool json = false;
};

nlohmann::ordered_json toJson(const api::ExportReport& report)
{
    nlohmann::ordered_json json{{"v", kJsonVersion},     {"folder", utf8(report.folder)}, {"files", report.files},
                                {"bytes", report.bytes}, {"sha256", report.sha256},       {"checks", nlohmann::ordered_json::array()}};
    for (const api::ExportCheck& check : report.checks)
        json["checks"].push_back({{"what", check.what}, {"passed", check.passed}, {"detail", check.detail}});
    return json;
}

void print(Output& out, const api::ExportReport& report)
{
    for (const api::ExportCheck& check : report.checks)
        out.line(std::string(check.passed ? "verified: " : "FAILED: ") + check.what + " (" + check.detail + ")");
    for (const std::string& file : report.files)
        out.line("  " + file);
    out.line("wrote " + utf8(report.folder) + ", " + formatBytes(report.bytes));
    out.line("SHA-256 of the weights: " + report.sha256);
}

int runExport(const ExportOptions& options, Session& session)
{
    const api::ExportRequest request{pathFromUtf8(options.run), options.to, pathFromUtf8(options.target), options.force};
    const api::ExportReport report = api::exportRun(request, session.stop, progressOnError());
    clearErrorStatus();
    if (options.json)
        session.out.json(toJson(report));
    else
        print(session.out, report);
    return 0;
}

}  // namespace

void addExportVerb(CLI::App& app, Action& chosen)
{
    const auto options = std::make_shared<ExportOptions>();
    CLI::App* verb = app.add_subcommand("export", "write what a run has trained for other programs, and verify it");
    verb->add_option("run", options->run, "run folder")->required();
    verb->add_option("--to", options->to, "what to write: peft (a PEFT adapter folder), or of a full fine-tuning safetensors (the model as a Hugging Face folder)")->required();
    verb->add_option("-o,--output", options->target, "folder to write; it must not exist")->required();
    verb->add_flag("--force", options->force, "replace an existing folder");
    verb->add_flag("--json", options->json, "the report as one JSON object");
    verb->callback([options, &chosen] { chosen = [options](Session& session) { return runExport(*options, session); }; });
}

}  // namespace lorikeet::app
