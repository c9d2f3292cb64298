// SPDX-License-Identifier: GPL-3.0-or-later
// `inspect`: what lies at a path: a model, a data set, an adapter or a run; and why it cannot be used. `inspect blueprint:` lists the blueprints.
#include "app/cli_verbs.h"
#include "engine/api/datasets.h"
#include "engine/api/exporting.h"
#include "engine/api/models.h"
#include "engine/api/training_run.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/units.h"
#include "engine/plan/catalogue/catalogue.h"
#include "engine/spec/data_file_names.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace lorikeet::app {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

const std::string kBlueprint = "blueprint:";
constexpr std::size_t kNameColumns = 40;

void row(Output& out, const char* name, const std::string& value)
{
    if (!value.empty())
        out.line(padded(name, 16) + value);
}

std::string yesNo(bool value) { return value ? "yes" : "no"; }

ordered_json shapeJson(const ModelShape& shape)
{
    return {{"family", shape.family},       {"name", shape.name},          {"parameters", shape.parameterCount()},
            {"layers", shape.layers},       {"hidden", shape.hidden},      {"heads", shape.heads},
            {"kv_heads", shape.kvHeads},    {"head_size", shape.headSize}, {"mlp", shape.mlp},
            {"vocab", shape.vocab},         {"max_context", shape.maxContext}, {"tied_head", shape.tiedHead},
            {"rope_theta", shape.ropeTheta}};
}

void inspectModelAt(const std::string& path, bool json, Output& out)
{
    const api::ModelInfo info = api::inspectModel(path);
    const ModelShape& shape = info.shape;
    if (json) {
        out.json({{"v", kJsonVersion},
                  {"kind", "model"},
                  {"path", path},
                  {"location", utf8(info.location)},
                  {"format", info.format},
                  {"shape", shapeJson(shape)},
                  {"runnable", runnableFamily(shape)},
                  {"has_weights", info.hasWeights},
                  {"has_tokenizer", info.hasTokenizer},
                  {"has_chat_template", info.hasChatTemplate},
                  {"licence", info.licence},
                  {"file_bytes", info.fileBytes},
                  {"weight_types", info.weightTypes}});
        return;
    }
    row(out, "model", shape.name + " (" + info.format + ")");
    row(out, "location", utf8(info.location));
    row(out, "parameters", formatCount(shape.parameterCount()) + " (" + formatInteger(shape.parameterCount()) + ")");
    row(out, "architecture", shape.family + ", " + std::to_string(shape.layers) + " layers, hidden " + std::to_string(shape.hidden) + ", "
                                 + std::to_string(shape.heads) + " heads on " + std::to_string(shape.kvHeads) + ", MLP " + std::to_string(shape.mlp));
    row(out, "vocabulary", formatInteger(static_cast<std::uint64_t>(shape.vocab)) + (shape.tiedHead ? ", head tied to the embedding" : ", own head"));
    row(out, "context", formatInteger(static_cast<std::uint64_t>(shape.maxContext)) + " tokens");
    row(out, "runs here", runnableFamily(shape) ? "yes" : "no: " + shape.family + " can be planned for, not run");
    row(out, "weights", info.hasWeights ? formatBytes(info.fileBytes) + ", " + info.weightTypes : "none: can be planned for, not loaded");
    row(out, "tokenizer", yesNo(info.hasTokenizer));
    row(out, "chat template", yesNo(info.hasChatTemplate));
    row(out, "licence", info.licence.empty() ? "not stated" : info.licence);
}

/// All models that are known by configuration only, one a line.
void listBlueprints(bool json, Output& out)
{
    for (const plan::Blueprint& blueprint : plan::blueprints()) {
        const ModelShape& shape = blueprint.shape;
        if (json) {
            out.json({{"v", kJsonVersion},
                      {"kind", "blueprint"},
                      {"path", kBlueprint + shape.name},
                      {"repository", blueprint.repository},
                      {"licence", blueprint.licence},
                      {"shape", shapeJson(shape)},
                      {"runnable", runnableFamily(shape)}});
            continue;
        }
        out.line(padded(kBlueprint + shape.name, kNameColumns) + paddedLeft(formatCount(shape.parameterCount()), 8) + "  " + padded(shape.family, 12)
                 + paddedLeft(std::to_string(shape.layers), 4) + " layers, hidden " + paddedLeft(std::to_string(shape.hidden), 5) + ", context "
                 + paddedLeft(formatInteger(static_cast<std::uint64_t>(shape.maxContext)), 11) + ", " + blueprint.licence
                 + (runnableFamily(shape) ? "" : ", planned, not run yet"));
    }
}

void inspectDataAt(const fs::path& path, bool json, Session& session)
{
    Output& out = session.out;
    const api::DataInfo info = api::inspectData(path, "auto", session.stop, progressOnError());
    clearErrorStatus();
    if (json) {
        out.json({{"v", kJsonVersion}, {"kind", "data"}, {"path", utf8(path)}, {"layout", info.layout}, {"format", info.format}, {"rows", info.rows}, {"keys", info.keys}, {"problems", info.problems}});
    } else {
        row(out, "data set", utf8(path));
        row(out, "layout", info.layout);
        row(out, "format", info.format.empty() ? "not recognised" : info.format);
        row(out, "rows", formatInteger(static_cast<std::uint64_t>(info.rows)));
        std::string keys;
        for (const std::string& key : info.keys)
            keys += (keys.empty() ? "" : ", ") + key;
        row(out, "keys", keys);
        for (const std::string& problem : info.problems)
            row(out, "problem", problem);
    }
    if (info.format.empty())
        throw Error(ErrorCode::BadInput, utf8(path) + ": " + (info.problems.empty() ? "no rows of a known format" : info.problems.front()),
                    "see data.format in `lorikeet-cli job fields` for the formats");
    if (!info.problems.empty())
        throw Error(ErrorCode::BadInput, utf8(path) + ": not every row can be used, the first is " + info.problems.front(), "mend or remove those rows");
}

void inspectAdapterAt(const fs::path& path, bool json, Output& out)
{
    const api::AdapterInfo info = api::inspectAdapter(path);
    if (json) {
        out.json({{"v", kJsonVersion},
                  {"kind", "adapter"},
                  {"path", utf8(path)},
                  {"base_model", info.baseModel},
                  {"rank", info.rank},
                  {"alpha", info.alpha},
                  {"rslora", info.rslora},
                  {"dora", info.dora},
                  {"targets", info.targets},
                  {"also_trained", info.alsoTrained},
                  {"tensors", info.tensors},
                  {"parameters", info.parameters}});
        return;
    }
    const auto joined = [](const std::vector<std::string>& words) {
        std::string text;
        for (const std::string& word : words)
            text += (text.empty() ? "" : ", ") + word;
        return text;
    };
    row(out, "adapter", utf8(path));
    row(out, "base model", info.baseModel);
    row(out, "rank", std::to_string(info.rank) + ", alpha " + formatNumber(info.alpha) + (info.rslora ? ", rsLoRA" : "") + (info.dora ? ", DoRA" : ""));
    row(out, "targets", joined(info.targets));
    if (!info.alsoTrained.empty())
        row(out, "trained whole", joined(info.alsoTrained));
    row(out, "parameters", formatCount(info.parameters) + " in " + std::to_string(info.tensors) + " tensors");
}

void inspectRunAt(const fs::path& path, bool json, Output& out)
{
    const api::RunInfo info = api::inspectRun(path);
    const auto optional = [](const std::optional<double>& value) { return value ? ordered_json(*value) : ordered_json(); };
    if (json) {
        out.json({{"v", kJsonVersion},
                  {"kind", "run"},
                  {"path", utf8(path)},
                  {"model", info.model},
                  {"data", info.data},
                  {"created", info.created},
                  {"last_step", info.lastStep},
                  {"total_steps", info.totalSteps},
                  {"last_loss", optional(info.lastLoss)},
                  {"validation_loss", optional(info.validationLoss)},
                  {"finished", info.finished},
                  {"has_adapter", info.hasAdapter},
                  {"has_model", info.hasModel}});
        return;
    }
    row(out, "run", utf8(path));
    row(out, "created", info.created);
    row(out, "model", info.model);
    row(out, "data", info.data);
    row(out, "steps", std::to_string(info.lastStep) + " of " + std::to_string(info.totalSteps) + (info.finished ? ", finished" : ", not finished"));
    row(out, "loss", info.lastLoss ? formatNumber(*info.lastLoss) : "");
    row(out, "validation loss", info.validationLoss ? formatNumber(*info.validationLoss) : "");
    if (info.hasModel)
        row(out, "model", utf8(path / "model"));
    else
        row(out, "adapter", info.hasAdapter ? utf8(path / "adapter") : "none yet");
}

/// Files that hold rows; everything else that is a file is taken for a model, whose reader says why it is none.
bool isDataFile(const fs::path& path)
{
    std::string name = utf8(path.filename());
    std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    std::vector<std::string> endings = dataFileEndings();
    // Kinds that are no data files here, but are meant as ones: the reader of data says what it takes.
    endings.insert(endings.end(), {".parquet", ".arrow", ".xlsx", ".gz", ".zst", ".bz2", ".xz", ".zip"});
    return name != "config.json" && std::ranges::any_of(endings, [&](const std::string& ending) { return name.ends_with(ending); });
}

void inspectAt(const std::string& text, bool json, Session& session)
{
    Output& out = session.out;
    if (text == kBlueprint)
        return listBlueprints(json, out);
    if (text == "starter" || text.starts_with(kBlueprint))
        return inspectModelAt(text, json, out);
    const fs::path path = pathFromUtf8(text);
    if (!fs::exists(path))
        throw Error(ErrorCode::BadInput, text + " does not exist", "give a model, a data file, an adapter folder or a run folder");
    if (fs::exists(path / "run.json"))
        return inspectRunAt(path, json, out);
    if (fs::exists(path / "adapter_config.json"))
        return inspectAdapterAt(path, json, out);
    if (text.ends_with(".lorikeet.json"))
        throw Error(ErrorCode::BadInput, text + " is a job file", "lorikeet-cli job check " + text);
    if (fs::is_regular_file(path) && isDataFile(path))
        return inspectDataAt(path, json, session);
    inspectModelAt(text, json, out);
}

struct InspectOptions {
    std::string path;
    bool json = false;
};

}  // namespace

void addInspectVerb(CLI::App& app, Action& chosen)
{
    const auto options = std::make_shared<InspectOptions>();
    CLI::App* verb = app.add_subcommand("inspect", "describe a model, a data set, an adapter or a run");
    verb->add_option("path", options->path, "file or folder, starter, or blueprint:NAME; blueprint: alone lists all blueprints")->required();
    verb->add_flag("--json", options->json, "one JSON object; one a line for blueprint:");
    verb->callback([options, &chosen] {
        chosen = [options](Session& session) {
            inspectAt(options->path, options->json, session);
            return 0;
        };
    });
}

}  // namespace lorikeet::app
