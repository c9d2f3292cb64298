// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/api/exporting.h"

#include "engine/api/guarded.h"
#include "engine/api/models.h"
#include "engine/api/planning.h"
#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/units.h"
#include "engine/export/adapter_folder.h"
#include "engine/formats/safetensors_reader.h"
#include "engine/generate/session.h"
#include "engine/lora/peft_folder.h"
#include "engine/train/checkpoint.h"
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

/// Logits of base + trained adapter against base + the adapter read from `folder`.
ExportCheck compareLogits(generate::Session& session, const std::vector<float>& trained, const std::filesystem::path& folder,
                          const std::stop_token& stop)
{
    const std::vector<std::int32_t> tokens = probeTokens(session.source().shape().vocab);
    session.setAdapter(trained);
    const std::vector<float> before = session.logits(tokens, stop);
    std::vector<float> exported(trained.size());
    lora::readWeights(folder, session.slots(), exported);
    session.setAdapter(exported);
    const double difference = largestDifference(before, session.logits(tokens, stop));
    ExportCheck check{"logits of the base with the exported adapter equal the trained ones", difference == 0.0,
                      "largest difference " + formatNumber(difference) + " over " + std::to_string(tokens.size()) + " tokens"};
    LORIKEET_CHECK(check.passed, "the exported adapter answers differently: " + check.detail);
    return check;
}

}  // namespace

ExportReport exportRun(const ExportRequest& request, const std::stop_token& stop, const ProgressFn& progress)
{
    return guarded([&] {
        if (request.to != "peft")
            throw Error(ErrorCode::Usage, "cannot export to \"" + request.to + "\"", "use --to peft");
        const train::RunRecord record = train::readRunRecord(request.runFolder);
        std::vector<std::string> skipped;
        const train::Checkpoint checkpoint = train::readNewestCheckpoint(request.runFolder, skipped);
        if (std::filesystem::exists(request.target) && !request.replace)
            throw Error(ErrorCode::Target, utf8(request.target) + " already exists", "choose another folder, or allow it to be replaced");

        const std::filesystem::path adapter = request.runFolder / "adapter";
        const std::filesystem::path model = locateModel(record.job.model.path);
        const DeviceSpec device = findDevice("cpu");
        const plan::MemoryPlan plan = planJob(modelShape(record.job.model.path), record.job, device);
        generate::SessionOptions options;
        options.context = 0;
        options.evaluateRows = static_cast<std::int64_t>(kProbeTokens);
        options.wantText = false;
        if (train::hashOfFiles(formats::openModelSource(model)->files(), "hashing the model", stop, progress) != record.modelHash)
            throw Error(ErrorCode::BadInput, "the files of the model " + utf8(model) + " are not the ones the run began with",
                        "restore them: the adapter fits no other weights");
        generate::Session session(model, plan.layout.adapters, device, options, stop, progress);
        LORIKEET_CHECK(checkpoint.adapter.size() == static_cast<std::size_t>(session.plan().layout.adapterElements), "checkpoint of another size");

        ExportReport report;
        const exporting::AdapterContent content{&session.source(), record.job, session.slots(), checkpoint.adapter};
        const auto check = [&](const std::filesystem::path& folder) { report.checks.push_back(compareLogits(session, checkpoint.adapter, folder, stop)); };
        const exporting::WrittenFolder written = exporting::writeAdapterFolder(request.target, request.replace, content, stop, check);
        report.folder = request.target;
        report.files = written.files;
        report.bytes = written.bytes;
        report.sha256 = written.sha256;
        report.checks.insert(report.checks.begin(), {"all tensors read back equal to the trained ones", true, std::to_string(written.tensors) + " tensors"});
        return report;
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
        info.targets = config.targetPattern ? std::vector<std::string>{*config.targetPattern} : config.targetModules;
        info.tensors = static_cast<std::int64_t>(file.tensors().size());
        for (const auto& [name, tensor] : file.tensors())
            info.parameters += std::accumulate(tensor.shape.begin(), tensor.shape.end(), std::uint64_t{1}, std::multiplies<>());
        return info;
    });
}

}  // namespace lorikeet::api
