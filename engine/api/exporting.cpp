// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/api/exporting.h"

#include "engine/api/generation.h"
#include "engine/api/guarded.h"
#include "engine/api/models.h"
#include "engine/api/planning.h"
#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/units.h"
#include "engine/export/adapter_folder.h"
#include "engine/export/model_folder.h"
#include "engine/export/replaceable.h"
#include "engine/formats/safetensors_reader.h"
#include "engine/generate/session.h"
#include "engine/lora/peft_folder.h"
#include "engine/train/checkpoint.h"
#include "engine/train/plain_adapter.h"
#include "engine/train/run_folder.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace lorikeet::api {

namespace {

constexpr std::size_t kProbeTokens = 48;

/// A fixed run of tokens spread over the vocabulary.
std::vector<std::int32_t> probeTokens(std::int64_t vocab)
{
    std::vector<std::int32_t> tokens(kProbeTokens);
    for (std::size_t i = 0; i < tokens.size(); ++i)
        tokens[i] = static_cast<std::int32_t>((static_cast<std::int64_t>(i) * 7919 + 13) % vocab);
    return tokens;
}

double largestDifference(const std::vector<float>& a, const std::vector<float>& b)
{
    double most = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        most = std::max(most, std::abs(static_cast<double>(a[i]) - b[i]));
    return most;
}

/// Logits of base + what was trained against base + what is read from `folder`.
ExportCheck compareLogits(generate::Session& session, const exporting::AdapterContent& trained, const std::filesystem::path& folder,
                          const std::stop_token& stop)
{
    const std::vector<std::int32_t> tokens = probeTokens(session.source().shape().vocab);
    session.setAdapter(trained.flat);
    session.setParameters(trained.modules.read);
    const std::vector<float> before = session.logits(tokens, stop);
    std::vector<float> exported(trained.flat.size());
    lora::readWeights(folder, session.slots(), exported);
    session.setAdapter(exported);
    session.setParameters(lora::moduleReader(folder, session.source().shape()));
    const double difference = largestDifference(before, session.logits(tokens, stop));
    ExportCheck check{"logits of the base with the exported adapter equal the trained ones", difference == 0.0,
                      "largest difference " + formatNumber(difference) + " over " + std::to_string(tokens.size()) + " tokens"};
    LORIKEET_CHECK(check.passed, "the exported adapter answers differently: " + check.detail);
    return check;
}

/// What an export starts from, checked.
struct ExportBase {
    train::RunRecord record;
    train::Checkpoint checkpoint;
    std::filesystem::path model;
    DeviceSpec device;
    plan::MemoryPlan plan;  ///< of the run, on this CPU
};

ExportBase openBase(const ExportRequest& request, const std::stop_token& stop, const ProgressFn& progress)
{
    ExportBase base;
    base.record = train::readRunRecord(request.runFolder);
    std::vector<std::string> skipped;
    base.checkpoint = train::readNewestCheckpoint(request.runFolder, skipped);
    base.model = locateModel(base.record.job.model.path);
    const JobData& data = base.record.job.data;
    std::vector<std::filesystem::path> kept{request.runFolder, base.model, pathFromUtf8(data.path)};
    if (!data.validationPath.empty())
        kept.push_back(pathFromUtf8(data.validationPath));
    exporting::requireReplaceable(request.target, request.replace, kept);
    base.device = findDevice("cpu");
    base.plan = planJob(modelShape(base.record.job), base.record.job, base.device);
    if (train::hashOfFiles(formats::openModelSource(base.model)->files(), "hashing the model", stop, progress) != base.record.modelHash)
        throw Error(ErrorCode::BadInput, "the files of the model " + utf8(base.model) + " are not the ones the run began with",
                    "restore them: the adapter fits no other weights");
    return base;
}

/// As the run computed: an adapter of a quantised base belongs to that base.
generate::SessionOptions probeOptions(const Job& job)
{
    generate::SessionOptions options;
    options.precision = precisionOf(job);
    const BaseWeights weights = baseWeightsOf(job);
    options.quantization = weights.quantization;
    options.doubleQuantization = weights.doubleQuantization;
    options.context = 0;
    options.evaluateRows = static_cast<std::int64_t>(kProbeTokens);
    options.wantText = false;
    options.added = generate::addedTokensOf(job);
    return options;
}

ExportReport reportOf(const std::filesystem::path& target, const exporting::WrittenFolder& written, std::vector<ExportCheck> checks)
{
    ExportReport report;
    report.folder = target;
    report.files = written.files;
    report.bytes = written.bytes;
    report.sha256 = written.sha256;
    report.checks = std::move(checks);
    report.checks.insert(report.checks.begin(), {"all tensors read back equal to the trained ones", true, std::to_string(written.tensors) + " tensors"});
    return report;
}

ExportReport exportAdapter(const ExportRequest& request, const ExportBase& base, const std::stop_token& stop, const ProgressFn& progress)
{
    const plan::Trained& trained = base.plan.layout.trained;
    const train::CheckpointMasters masters(base.checkpoint);
    LORIKEET_CHECK(masters.elements() == trained.elements, "checkpoint of another size");
    std::vector<float> all(static_cast<std::size_t>(trained.adapterElements));
    masters.read(0, all);
    const train::PlainAdapter plain = train::plainAdapterOf(base.record.job, request.runFolder, trained, std::move(all));
    const lora::TrainedModules modules
        = exporting::trainedModules(trained.parameters, [&](std::int64_t offset, std::span<float> to) { masters.read(offset, to); });
    generate::Session session(base.model, plain.slots, base.device, probeOptions(base.record.job), stop, progress, {modules.ids, false});
    const std::vector<float> flat = train::laidOutBy(session.slots(), session.plan().layout.trained.adapterElements, plain);
    std::vector<ExportCheck> checks;
    const exporting::AdapterContent content{&session.source(), plain.job, session.slots(), flat, modules};
    const auto check = [&](const std::filesystem::path& folder) { checks.push_back(compareLogits(session, content, folder, stop)); };
    const exporting::WrittenFolder written = exporting::writeAdapterFolder(request.target, request.replace, content, stop, check);
    return reportOf(request.target, written, std::move(checks));
}

/// The written folder opens as a model and its logits are finite: what was read back is what a user will load.
ExportCheck openAgain(const std::filesystem::path& folder, const ExportBase& base, const std::stop_token& stop)
{
    generate::SessionOptions options = probeOptions(base.record.job);
    options.added = {};  // the folder has them
    generate::Session session(folder, {}, base.device, options, stop, {});
    const std::vector<float> logits = session.logits(probeTokens(session.source().shape().vocab), stop);
    const bool finite = std::ranges::all_of(logits, [](float value) { return std::isfinite(value); });
    LORIKEET_CHECK(finite, "the exported model's logits are not finite");
    return {"the written folder opens as a model and answers", finite, std::to_string(kProbeTokens) + " tokens"};
}

ExportReport exportModel(const ExportRequest& request, const ExportBase& base, const std::stop_token& stop, const ProgressFn& progress)
{
    const auto source = generate::withTokens(formats::openModelSource(base.model), generate::addedTokensOf(base.record.job));
    const train::CheckpointMasters masters(base.checkpoint);
    LORIKEET_CHECK(masters.elements() == base.plan.layout.trained.elements, "checkpoint of another size");
    std::vector<ExportCheck> checks;
    const exporting::ModelContent content{source.get(), precisionOf(base.record.job),
                                          exporting::trainedParameters(base.plan.layout.trained.parameters,
                                                                       [&](std::int64_t offset, std::span<float> to) { masters.read(offset, to); })};
    const auto check = [&](const std::filesystem::path& folder) { checks.push_back(openAgain(folder, base, stop)); };
    const exporting::WrittenFolder written = exporting::writeModelFolder(request.target, request.replace, content, stop, progress, check);
    return reportOf(request.target, written, std::move(checks));
}

}  // namespace

ExportReport exportRun(const ExportRequest& request, const std::stop_token& stop, const ProgressFn& progress)
{
    return guarded([&] {
        if (request.to != "peft" && request.to != "safetensors")
            throw Error(ErrorCode::Usage, "cannot export to \"" + request.to + "\"", "use --to peft (adapters) or --to safetensors (full fine-tuning)");
        const ExportBase base = openBase(request, stop, progress);
        const bool isModel = base.plan.layout.trained.adapters.empty();
        if (isModel && request.to == "peft")
            throw Error(ErrorCode::Usage, "this run trained the whole model: it has no adapter", "use --to safetensors");
        if (!isModel && request.to == "safetensors")
            throw Error(ErrorCode::Usage, "this run trained an adapter, not the whole model", "use --to peft");
        return isModel ? exportModel(request, base, stop, progress) : exportAdapter(request, base, stop, progress);
    }, ErrorCode::Target);
}

AdapterInfo inspectAdapter(const std::filesystem::path& folder)
{
    return guarded([&] {
        const formats::PeftConfig config = formats::readPeftConfig(folder / "adapter_config.json");
        const formats::SafetensorsFile file(folder / "adapter_model.safetensors");
        AdapterInfo info;
        info.folder = folder;
        info.baseModel = config.baseModel.value_or("");
        info.rank = config.rank;
        info.alpha = config.alpha;
        info.rslora = config.useRslora;
        info.dora = config.useDora;
        info.targets = config.targetPattern ? std::vector<std::string>{*config.targetPattern} : config.targetModules;
        info.alsoTrained = config.modulesToSave;
        info.tensors = static_cast<std::int64_t>(file.tensors().size());
        for (const auto& [name, tensor] : file.tensors())
            info.parameters += std::accumulate(tensor.shape.begin(), tensor.shape.end(), std::uint64_t{1}, std::multiplies<>());
        return info;
    });
}

}  // namespace lorikeet::api
