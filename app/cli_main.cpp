// SPDX-License-Identifier: GPL-3.0-or-later
// lorikeet-cli: parses the command line, runs one verb, and turns what happened into an exit code (app/README.md lists them).
#include "app/cli_output.h"
#include "app/cli_verbs.h"
#include "engine/api/doctor.h"
#include "engine/base/error.h"
#include "engine/base/openmp_wait.h"
#include "engine/base/system.h"
#include "engine/spec/job_words.h"

#include <CLI/CLI.hpp>

#include <new>

namespace lorikeet::app {

namespace {

std::string version()
{
    for (const api::LibraryVersion& library : api::libraryVersions())
        if (library.name == "lorikeet")
            return "lorikeet-cli " + library.version;
    return "lorikeet-cli";
}

void addVerbs(CLI::App& app, Action& chosen)
{
    addJobVerb(app, chosen);
    addPlanVerb(app, chosen);
    addTrainVerb(app, chosen);
    addExportVerb(app, chosen);
    addGenerateVerb(app, chosen);
    addInspectVerb(app, chosen);
    addTokenizeVerb(app, chosen);
    addLogitsVerb(app, chosen);
    addBenchVerb(app, chosen);
    addDoctorVerb(app, chosen);
}

/// The parser that saw the error: the innermost verb named on the command line.
const CLI::App& innermost(const CLI::App& app)
{
    const std::vector<const CLI::App*> verbs
        = app.get_subcommands([](const CLI::App* verb) { return verb->parsed(); });
    return verbs.empty() ? app : innermost(*verbs.front());
}

/// "did you mean" for a mistyped verb or option.
std::string suggestion(const CLI::App& where, int argc, char** argv)
{
    std::vector<std::string> known;
    for (const CLI::App* verb : where.get_subcommands([](const CLI::App*) { return true; }))
        known.push_back(verb->get_name());
    for (const CLI::Option* option : where.get_options())
        for (const std::string& name : option->get_lnames())
            known.push_back("--" + name);
    for (int i = 1; i < argc; ++i) {
        const std::string word = std::string(argv[i]).substr(0, std::string(argv[i]).find('='));
        if (std::find(known.begin(), known.end(), word) != known.end() || where.get_name() == word)
            continue;
        if (const auto nearest = nearestWord(word, known))
            return "did you mean \"" + *nearest + "\"? ";
    }
    return {};
}

std::string oneLine(std::string text)
{
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

int refuse(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv)
{
    const CLI::App& where = innermost(app);
    std::string name;
    for (const CLI::App* verb = &where; verb != &app; verb = verb->get_parent())
        name = " " + verb->get_name() + name;
    const bool unknownVerb = &where == &app && argc > 1 && argv[1][0] != '-';
    const std::string message = unknownVerb ? "there is no verb \"" + std::string(argv[1]) + "\"" : oneLine(error.what());
    sayError(message, suggestion(where, argc, argv) + "see lorikeet-cli" + name + " --help");
    return exitCodeOf(ErrorCode::Usage);
}

int runAction(const Action& action, Output& out, const InterruptGuard& interrupt)
{
    Session session{out, interrupt.token()};
    try {
        const int code = action(session);
        return interrupt.exitCode() != 0 ? interrupt.exitCode() : code;
    } catch (const Error& error) {
        out.status().clear();
        if (error.code() == ErrorCode::Cancelled && interrupt.exitCode() != 0) {
            sayError("stopped", {});
            return interrupt.exitCode();
        }
        sayError(error.message(), error.hint());
        return exitCodeOf(error.code());
    }
}

int run(int argc, char** argv)
{
    ignoreBrokenPipes();
    Output out;
    CLI::App app("Lorikeet fine-tunes language models with LoRA and says beforehand where every byte of memory goes.", "lorikeet-cli");
    app.set_version_flag("--version", version);
    app.require_subcommand(1);
    app.failure_message(CLI::FailureMessage::simple);
    Action chosen;
    addVerbs(app, chosen);
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        out.text(innermost(app).help());
        return 0;
    } catch (const CLI::CallForAllHelp&) {
        out.text(app.help("", CLI::AppFormatMode::All));
        return 0;
    } catch (const CLI::CallForVersion&) {
        out.line(version());
        return 0;
    } catch (const CLI::ParseError& error) {
        return refuse(app, error, argc, argv);
    }
    const InterruptGuard interrupt;
    return runAction(chosen, out, interrupt);
}

/// What is left to catch when everything else failed.
int guardedRun(int argc, char** argv)
{
    try {
        return run(argc, argv);
    } catch (const OutputClosed&) {
        return 0;
    } catch (const Error& error) {
        sayError(error.message(), error.hint());
        return exitCodeOf(error.code());
    } catch (const std::bad_alloc&) {
        sayError("the system has no more memory", "close other programs, or choose a smaller model or context");
        return exitCodeOf(ErrorCode::DoesNotFit);
    } catch (const std::exception& error) {
        sayError(std::string("internal error: ") + error.what(), "this is a bug in Lorikeet; please report it with this line");
        return exitCodeOf(ErrorCode::Internal);
    }
}

}  // namespace

}  // namespace lorikeet::app

int main(int argc, char** argv)
{
    lorikeet::keepOpenMpWaitShort();
    return lorikeet::app::guardedRun(argc, argv);
}
