// SPDX-License-Identifier: GPL-3.0-or-later
// `bench text`: how fast rows of text become tokens.
#include "app/cli_bench.h"
#include "app/cli_job_options.h"
#include "engine/api/text_bench.h"
#include "engine/base/units.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <memory>

namespace lorikeet::app {

namespace {

struct TextOptions {
    std::string model = "starter";
    std::string data;
    JobOptions job;
    bool json = false;
};

int runTextBench(const TextOptions& options, Session& session)
{
    Job job;
    job.model.path = options.model;
    job.data.path = options.data;
    options.job.assignTo(job);
    const api::TextBench bench = api::benchText(job, session.stop, {});
    if (options.json) {
        nlohmann::ordered_json json{{"v", kJsonVersion}, {"model", options.model}, {"data", options.data}};
        json.update(api::toJson(bench));
        session.out.json(json);
        return 0;
    }
    Output& out = session.out;
    const auto rows = static_cast<double>(bench.rows);
    const auto milliseconds = [](double seconds) { return paddedLeft(formatNumber(1e3 * seconds, 4), 9); };
    out.line(formatInteger(static_cast<std::uint64_t>(bench.rows)) + " rows, " + formatInteger(static_cast<std::uint64_t>(bench.tokens)) + " tokens, "
             + formatBytes(static_cast<std::uint64_t>(bench.bytes)) + " of text, " + std::to_string(bench.threads) + " threads");
    out.line("");
    out.line(padded("stage", 34) + paddedLeft("ms", 9) + paddedLeft("rows/s", 12));
    const auto line = [&](const char* name, double seconds, bool ofRows) {
        out.line(padded(name, 34) + milliseconds(seconds) + paddedLeft(ofRows ? formatNumber(rows / seconds, 3) : "", 12));
    };
    line("open tokenizer and template", bench.openSeconds, false);
    line("read rows", bench.readSeconds, true);
    line("chat template", bench.renderSeconds, true);
    line("tokenise", bench.encodeSeconds, true);
    line("whole data step of a run, packed", bench.datasetSeconds, true);
    return 0;
}

}  // namespace

void addTextBench(CLI::App& parent, Action& chosen)
{
    const auto options = std::make_shared<TextOptions>();
    CLI::App* verb = parent.add_subcommand("text", "how fast rows of text become tokens: reading, template, tokenising, packing");
    verb->add_option("model", options->model, "starter, a file or a folder: its tokenizer and template");
    verb->add_option("--data", options->data, "a data file")->required();
    options->job.addSetTo(*verb);
    verb->add_flag("--json", options->json, "one JSON object");
    verb->callback([options, &chosen] { chosen = [options](Session& session) { return runTextBench(*options, session); }; });
}

}  // namespace lorikeet::app
