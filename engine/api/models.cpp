// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/api/models.h"

#include "engine/api/guarded.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/formats/model_source.h"
#include "engine/formats/parameters.h"
#include "engine/generate/added_tokens.h"
#include "engine/plan/catalogue/catalogue.h"

#include <algorithm>
#include <cstdlib>
#include <map>

namespace lorikeet::api {

namespace {

constexpr std::string_view kStarter = "starter";
constexpr std::string_view kBlueprint = "blueprint:";

/// The starter's GGUF file where the set-up put it, or an empty path.
std::filesystem::path starterFile()
{
    if (const char* chosen = std::getenv("LORIKEET_STARTER_MODEL"); chosen && *chosen)
        return pathFromUtf8(chosen);
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(cacheFolder() / "models" / "starter", ignored))
        if (entry.path().extension() == ".gguf")
            return entry.path();
    return {};
}

std::string weightTypesOf(const formats::ModelSource& source)
{
    std::map<std::string, int> counts;
    for (const formats::ParamId id : formats::parametersOf(source.shape()))
        ++counts[source.tensor(id).type];
    std::vector<std::pair<std::string, int>> sorted(counts.begin(), counts.end());
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    std::string text;
    for (const auto& [type, count] : sorted)
        text += (text.empty() ? "" : ", ") + type + " x " + std::to_string(count);
    return text;
}

const ModelShape& blueprintShape(const std::string& path)
{
    const std::string name = path.substr(kBlueprint.size());
    if (const ModelShape* shape = plan::findBlueprint(name))
        return *shape;
    const auto nearest = plan::suggestBlueprint(name);
    throw Error(ErrorCode::BadInput, "there is no blueprint \"" + name + "\"",
                (nearest ? "did you mean blueprint:" + *nearest + "? " : std::string())
                    + "lorikeet-cli inspect blueprint: lists them all; a config.json of your own works too");
}

std::string blueprintLicence(const ModelShape& shape)
{
    const auto blueprints = plan::blueprints();
    const auto found = std::ranges::find_if(blueprints, [&](const plan::Blueprint& blueprint) { return &blueprint.shape == &shape; });
    return found == blueprints.end() ? std::string() : found->licence;
}

bool folderHas(const std::filesystem::path& folder, std::initializer_list<const char*> names)
{
    return std::any_of(names.begin(), names.end(), [&](const char* name) { return std::filesystem::exists(folder / name); });
}

ModelInfo describe(const std::string& path, const formats::ModelSource& source)
{
    ModelInfo info;
    info.path = path;
    info.location = source.path();
    info.format = source.format();
    info.shape = source.shape();
    info.hasWeights = source.hasWeights();
    info.licence = source.licence().value_or("");
    info.fileBytes = source.weightBytes();
    if (info.hasWeights)
        info.weightTypes = weightTypesOf(source);
    if (const formats::GgufTokenizer* words = source.ggufTokenizer()) {
        info.hasTokenizer = true;
        info.hasChatTemplate = !words->chatTemplate.empty();
    } else {
        const std::filesystem::path folder = std::filesystem::is_directory(source.path()) ? source.path() : source.path().parent_path();
        info.hasTokenizer = folderHas(folder, {"tokenizer.json", "tokenizer.model", "merges.txt"});
        info.hasChatTemplate = folderHas(folder, {"chat_template.jinja", "chat_template.json"});
        if (const auto config = folder / "tokenizer_config.json"; !info.hasChatTemplate && std::filesystem::exists(config))
            info.hasChatTemplate = readTextFile(config, 64 << 20).find("\"chat_template\"") != std::string::npos;
    }
    return info;
}

}  // namespace

bool hasStarterModel() { return !starterFile().empty(); }

std::filesystem::path locateModel(const std::string& path)
{
    return guarded([&] {
        if (path.empty())
            throw Error(ErrorCode::BadInput, "no model was chosen", "set model.path to a folder, a .gguf file or \"starter\"");
        if (path.starts_with(kBlueprint))
            throw Error(ErrorCode::BadInput, path + " is a configuration without weights: it can be planned for, not loaded", "choose a model folder or a GGUF file");
        if (path != kStarter)
            return pathFromUtf8(path);
        const std::filesystem::path file = starterFile();
        if (file.empty())
            throw Error(ErrorCode::BadInput, "the starter model has not been fetched", "run packaging/linux/run.sh once with a network, or set LORIKEET_STARTER_MODEL to its file");
        return file;
    });
}

ModelInfo inspectModel(const std::string& path)
{
    return guarded([&] {
        if (path.starts_with(kBlueprint)) {
            ModelInfo info;
            info.path = path;
            info.format = "blueprint";
            const ModelShape& shape = blueprintShape(path);
            info.shape = shape;
            info.licence = blueprintLicence(shape);
            return info;
        }
        ModelInfo info = describe(path, *formats::openModelSource(locateModel(path)));
        if (path == kStarter && info.licence.empty())
            info.licence = "Apache-2.0";
        return info;
    });
}

ModelShape modelShape(const std::string& path)
{
    return guarded([&] {
        return path.starts_with(kBlueprint) ? blueprintShape(path) : formats::openModelSource(locateModel(path))->shape();
    });
}

ModelShape modelShape(const std::string& path, const std::filesystem::path& adapter)
{
    return guarded([&] {
        if (adapter.empty())
            return modelShape(path);
        auto source = formats::openModelSource(locateModel(path));
        generate::AddedTokens added = generate::addedTokensOf(adapter, *source);
        return generate::withTokens(std::move(source), std::move(added))->shape();
    });
}

ModelShape modelShape(const Job& job)
{
    return guarded([&] {
        const std::string& path = job.model.path;
        if (job.recipe.addedTokens.empty())
            return modelShape(path);
        if (!path.starts_with(kBlueprint))
            return generate::withTokens(formats::openModelSource(locateModel(path)), generate::addedTokensOf(job))->shape();
        ModelShape shape = blueprintShape(path);
        shape.addedRows = static_cast<std::int64_t>(job.recipe.addedTokens.size());
        shape.vocab += shape.addedRows;
        return shape;
    });
}

}  // namespace lorikeet::api
