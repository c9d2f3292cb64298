// SPDX-License-Identifier: GPL-3.0-or-later
// `doctor`: what this machine has and what works here.
#include "app/cli_verbs.h"
#include "engine/api/doctor.h"
#include "engine/base/error.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>

namespace lorikeet::app {

namespace {

using State = api::DoctorLine::State;

const char* wordOf(State state)
{
    switch (state) {
    case State::Good: return "good";
    case State::Note: return "note";
    case State::Problem: return "problem";
    }
    return "problem";
}

nlohmann::ordered_json toJson(const std::vector<api::DoctorLine>& lines, bool works)
{
    nlohmann::ordered_json json{{"v", kJsonVersion}, {"works", works}, {"findings", nlohmann::ordered_json::array()}};
    for (const api::DoctorLine& line : lines)
        json["findings"].push_back({{"topic", line.topic}, {"state", wordOf(line.state)}, {"finding", line.finding}, {"advice", line.advice}});
    json["libraries"] = nlohmann::ordered_json::object();
    for (const api::LibraryVersion& library : api::libraryVersions())
        json["libraries"][library.name] = library.version;
    return json;
}

void print(Output& out, const std::vector<api::DoctorLine>& lines)
{
    for (const api::DoctorLine& line : lines) {
        out.line(padded(wordOf(line.state), 9) + padded(line.topic, 16) + line.finding);
        if (!line.advice.empty())
            out.line(std::string(25, ' ') + "next: " + line.advice);
    }
    std::string libraries;
    for (const api::LibraryVersion& library : api::libraryVersions())
        libraries += (libraries.empty() ? "" : ", ") + library.name + " " + library.version;
    out.line(padded("", 9) + padded("libraries", 16) + libraries);
}

int runDoctor(bool json, Session& session)
{
    const std::vector<api::DoctorLine> lines = api::doctor();
    const bool works = std::none_of(lines.begin(), lines.end(), [](const api::DoctorLine& line) { return line.state == State::Problem; });
    if (json)
        session.out.json(toJson(lines, works));
    else
        print(session.out, lines);
    return works ? 0 : exitCodeOf(ErrorCode::Device);
}

}  // namespace

void addDoctorVerb(CLI::App& app, Action& chosen)
{
    const auto json = std::make_shared<bool>(false);
    CLI::App* verb = app.add_subcommand("doctor", "hardware, libraries, and what works here");
    verb->add_flag("--json", *json, "one JSON object");
    verb->callback([json, &chosen] { chosen = [json](Session& session) { return runDoctor(*json, session); }; });
}

}  // namespace lorikeet::app
