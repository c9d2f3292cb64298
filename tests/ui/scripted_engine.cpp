// SPDX-License-Identifier: GPL-3.0-or-later
// The scripted verbs.
#include "tests/ui/scripted_engine.h"

#include "tests/ui/scripted_run.h"

#include <sstream>
#include <utility>

namespace lorikeet::test {

ModelShape smallShape()
{
    ModelShape shape;
    shape.family = "llama";
    shape.name = "SmolLM2-135M-Instruct";
    shape.layers = 30;
    shape.hidden = 576;
    shape.heads = 9;
    shape.kvHeads = 3;
    shape.headSize = 64;
    shape.mlp = 1536;
    shape.vocab = 49152;
    shape.maxContext = 8192;
    shape.tiedHead = true;
    return shape;
}

DeviceSpec smallDevice()
{
    DeviceSpec device;
    device.id = "cpu";
    device.name = "Scripted processor";
    device.totalBytes = 16ULL << 30;
    device.availableBytes = 12ULL << 30;
    device.otherBytes = 4ULL << 30;
    device.contextBytes = 120ULL << 20;
    device.threads = 2;
    return device;
}

namespace {

api::ModelInfo modelInfo(const std::string& path)
{
    api::ModelInfo info;
    info.path = path;
    info.location = path;
    info.format = "gguf";
    info.shape = smallShape();
    if (path != "starter")
        info.shape.name = std::filesystem::path(path).filename().string();
    info.hasWeights = info.hasTokenizer = info.hasChatTemplate = true;
    info.licence = "apache-2.0";
    info.fileBytes = 98ULL << 20;
    info.weightTypes = "Q4_1 x 210, F32 x 61, Q8_0 x 1";
    return info;
}

api::PreviewRow previewRow(std::int64_t number)
{
    api::PreviewRow row;
    row.row = number;
    const std::pair<const char*, bool> pieces[] = {{"<|im_start|>", false}, {"user", false}, {"\n", false}, {"What", false}, {" is", false}, {" a", false}, {" tensor", false},
                                                   {"?", false}, {"<|im_end|>", false}, {"\n", false}, {"<|im_start|>", false}, {"assistant", false}, {"\n", false},
                                                   {"In", true}, {" short", true}, {":", true}, {" a", true}, {" grid", true}, {" of", true}, {" numbers", true}, {".", true}, {"<|im_end|>", true}};
    std::int32_t id = 100;
    for (const auto& [text, trained] : pieces)
        row.tokens.push_back({id++, text, trained});
    return row;
}

api::DataSummary dataSummary(const Job& job)
{
    if (job.data.path == "bad.jsonl")
        throw Error(ErrorCode::BadInput, "bad.jsonl, row 7: expected a JSON object, found text", "put that row right or remove it");
    api::DataSummary summary;
    summary.format = "messages";
    summary.layout = "JSON Lines";
    summary.rows = 200;
    summary.validationRows = static_cast<std::int64_t>(195 * job.data.validationFraction);
    summary.trainRows = 195 - summary.validationRows;
    summary.tokens = 18000;
    summary.supervisedTokens = 9000;
    summary.longest = 141;
    summary.packingEfficiency = 0.97;
    for (std::int64_t i = 0; i < 195; ++i)
        summary.lengths.push_back(60 + (i * 37) % 82);
    summary.dropped.push_back({"nothing to learn: no assistant turn", 5, {3, 17, 40, 99, 120}});
    for (std::int64_t i = 1; i <= 20; ++i)
        summary.preview.push_back(previewRow(i));
    return summary;
}

api::GenerationResult answer(const api::GenerationOptions& options, const std::function<void(std::string_view)>& onText, const std::stop_token& stop)
{
    api::GenerationResult result;
    const std::string text = options.useAdapter ? "In short: the adapter answers." : "The base answers at length.";
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        throwIfStopped(stop);
        const std::string piece = (result.text.empty() ? "" : " ") + word;
        result.text += piece;
        result.tokens.push_back(static_cast<std::int32_t>(result.tokens.size()));
        onText(piece);
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    result.seconds = 0.1;
    result.reachedEnd = true;
    result.adapterHash = options.useAdapter ? "abcdef0123456789" : "";
    return result;
}

api::ExportReport exportReport(const api::ExportRequest& request)
{
    api::ExportReport report;
    report.folder = request.target;
    report.files = {"adapter_config.json", "adapter_model.safetensors", "tokenizer.json"};
    report.bytes = 19ULL << 20;
    report.checks = {{"tensors read back equal", true, "420 tensors"}, {"logits of base + exported adapter equal the trained ones", true, "largest difference 0"}};
    report.sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    return report;
}

void addModelVerbs(ui::EngineVerbs& verbs, ScriptedEngine& engine)
{
    verbs.hasStarterModel = [&engine] { return engine.starterThere; };
    verbs.inspectModel = [&engine](const std::string& path) {
        {
            const std::lock_guard lock(engine.mutex);
            engine.askedModels.push_back(path);
        }
        std::this_thread::sleep_for(path == "slow" ? std::chrono::milliseconds(150) : engine.inspectTime);
        if (path == "broken")
            throw engine.modelFailure.value_or(Error(ErrorCode::BadInput, "broken: pickle weights are not read", "convert them to safetensors"));
        api::ModelInfo info = modelInfo(path);
        info.shape.family = engine.family;
        return info;
    };
    verbs.trainedShape = [&engine](const Job& job) {
        ModelShape shape = smallShape();
        shape.family = engine.family;
        shape.addedRows = static_cast<std::int64_t>(job.recipe.addedTokens.size());
        shape.vocab += shape.addedRows;
        return shape;
    };
    verbs.findModels = [](const auto&, const std::stop_token&, const ProgressFn&) {
        std::vector<api::FoundModel> found(2);
        found[0] = {"/models/one", "one", modelInfo("/models/one"), {}};
        found[1] = {"/models/two", "two", std::nullopt, "unknown architecture \"mamba\""};
        return found;
    };
    verbs.blueprints = [] { return std::vector<std::string>{"Qwen3-0.6B", "Llama-3.2-1B"}; };
    verbs.loadModel = [&engine](const ui::ModelRequest& request, const std::stop_token&, const ProgressFn&) -> ui::Answerer {
        const std::lock_guard lock(engine.mutex);
        engine.loadedModels.push_back(request);
        return answer;
    };
}

void addDeviceVerbs(ui::EngineVerbs& verbs)
{
    verbs.machineDevices = [] { return std::vector<DeviceSpec>{smallDevice()}; };
    verbs.catalogueDevices = [] { return std::vector<ui::CatalogueEntry>{{"RTX 4090", "Ada", 24ULL << 30, 1008, 165}, {"Tiny card", "Small ones", 1ULL << 28, 10, 1}}; };
    verbs.findDevice = [](const std::string& id) {
        DeviceSpec device = smallDevice();
        if (id == "auto" || id == "cpu")
            return device;
        device.kind = DeviceSpec::Kind::Catalogue;
        device.id = device.name = id;
        device.totalBytes = device.availableBytes = id == "Tiny card" ? 1ULL << 28 : id == "Small card" ? 2ULL << 30 : 24ULL << 30;
        device.otherBytes = 0;
        device.bf16Arithmetic = true;
        device.computeCapability = 89;
        return device;
    };
    verbs.kernelCosts = [](const ModelShape&, const Job&, const DeviceSpec&) { return plan::KernelCosts{}; };
}

/// The planner is pure: the tests ask the real one, with costs that are the same for every job.
void addPlannerVerbs(ui::EngineVerbs& verbs)
{
    static const plan::CostsOf costs = [](const Job&) { return plan::KernelCosts{}; };
    verbs.makeItFit = [](const ModelShape& shape, const Job& job, const DeviceSpec& device, const plan::FitOptions& options) { return plan::makeItFit(shape, job, device, costs, options); };
    verbs.roomFor = [](const ModelShape& shape, const Job& job, const DeviceSpec& device, const plan::FitOptions& options) { return plan::roomFor(shape, job, device, costs, options); };
    verbs.whatIf = [](plan::Axis axis, const ModelShape& shape, const Job& job, const DeviceSpec& device, const plan::Workload& load) { return plan::whatIf(axis, shape, job, device, costs, load); };
    verbs.longestContext = [](const ModelShape& shape, const Job& job, const DeviceSpec& device, const plan::FitOptions& options) { return plan::longestContext(shape, job, device, costs, options); };
    verbs.smallestCard = [find = verbs.findDevice](const ModelShape& shape, const Job& job, const plan::FitOptions& options) {
        const std::vector<DeviceSpec> cards{find("Tiny card"), find("Small card"), find("RTX 4090")};
        return plan::smallestCard(shape, job, cards, [](const Job&, const DeviceSpec&) { return plan::KernelCosts{}; }, options);
    };
    verbs.forecast = plan::forecastStep;
    verbs.measureRates = [](DeviceSpec device) {
        device.rates = {.fp32Tflops = 0.5, .bf16Tflops = 1.0, .memoryGBps = 20, .measured = true};
        return device;
    };
}

}  // namespace

ui::EngineVerbs ScriptedEngine::verbs()
{
    ui::EngineVerbs verbs;
    addModelVerbs(verbs, *this);
    addDeviceVerbs(verbs);
    addPlannerVerbs(verbs);
    verbs.summariseData = [this](const Job& job, std::size_t, const std::stop_token&, const ProgressFn& progress) {
        ++summaries;
        progress({"tokenising", 1, 2, "rows"});
        return dataSummary(job);
    };
    verbs.inspectData = [](const std::filesystem::path&, const std::string&, const std::stop_token&, const ProgressFn&) { return api::DataInfo{"messages", 200, {"messages"}, {}, "JSON Lines"}; };
    verbs.makeTrainingRun = [this](const api::RunOptions& options) -> std::unique_ptr<api::TrainingRun> {
        ++runsMade;
        RunScript played = script;
        played.samplePrompt = options.job.run.samplePrompt;
        return std::make_unique<ScriptedRun>(played, *this);
    };
    verbs.proposeRunFolder = [](const Job&) { return std::filesystem::path("/runs/scripted"); };
    verbs.listRuns = [this] {
        const std::lock_guard lock(mutex);
        return runs;
    };
    verbs.inspectRun = [this](const std::filesystem::path& folder) {
        const std::lock_guard lock(mutex);
        for (const api::RunInfo& info : elsewhere)
            if (info.folder == folder)
                return info;
        throw Error(ErrorCode::BadInput, folder.string() + " is not a run folder", "choose one with a run.json");
    };
    verbs.exportRun = [this](const api::ExportRequest& request, const std::stop_token&, const ProgressFn&) {
        if (exportFailure)
            throw *exportFailure;
        return exportReport(request);
    };
    return verbs;
}

}  // namespace lorikeet::test
