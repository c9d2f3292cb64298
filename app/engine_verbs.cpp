// SPDX-License-Identifier: GPL-3.0-or-later
// One line for each verb; models loaded for answers are shared by the copies of the function that answers.
#include "app/engine_verbs.h"

#include "engine/api/fitting.h"
#include "engine/api/planning.h"
#include "engine/base/files.h"
#include "engine/plan/catalogue/catalogue.h"

#include <memory>

namespace lorikeet::app {

namespace {

ui::Answerer loadModel(const ui::ModelRequest& request, const std::stop_token& stop, const ProgressFn& progress)
{
    auto model = std::make_shared<api::Generation>(request.model, request.adapter, request.device, request.context, stop, progress, request.weights);
    return [model](const api::GenerationOptions& options, const std::function<void(std::string_view)>& onText, const std::stop_token& stopAnswer) {
        return model->generate(options, onText, stopAnswer);
    };
}

std::string groupOf(const plan::CatalogueDevice& device)
{
    switch (device.kind) {
    case plan::DeviceKind::GeForce: return device.vendor + " GeForce";
    case plan::DeviceKind::Laptop: return device.vendor + " laptop";
    case plan::DeviceKind::Workstation: return device.vendor + " workstation";
    case plan::DeviceKind::DataCentre: return device.vendor + " data centre";
    case plan::DeviceKind::Embedded: return device.vendor + " embedded";
    case plan::DeviceKind::Gpu: return device.vendor + " cards";
    case plan::DeviceKind::Tpu: return device.vendor + " TPU, per chip";
    case plan::DeviceKind::SystemOnChip: return device.vendor + " systems on a chip";
    }
    return device.vendor;
}

std::vector<ui::CatalogueEntry> catalogueEntries()
{
    std::vector<ui::CatalogueEntry> entries;
    for (const plan::CatalogueDevice& device : plan::devices())
        entries.push_back({device.name, groupOf(device), device.memoryBytes, device.bandwidthGBs, device.bf16DenseTflops, device.canTrain()});
    return entries;
}

std::vector<std::string> blueprintNames()
{
    std::vector<std::string> names;
    for (const plan::Blueprint& blueprint : plan::blueprints())
        names.push_back(blueprint.shape.name);
    return names;
}

}  // namespace

ui::EngineVerbs engineVerbs()
{
    ui::EngineVerbs verbs;
    verbs.hasStarterModel = api::hasStarterModel;
    verbs.inspectModel = api::inspectModel;
    verbs.trainedShape = [](const Job& job) { return api::modelShape(job); };
    verbs.findModels = api::findModels;
    verbs.blueprints = blueprintNames;
    verbs.machineDevices = api::machineDevices;
    verbs.catalogueDevices = catalogueEntries;
    verbs.findDevice = api::findDevice;
    verbs.kernelCosts = api::kernelCosts;
    verbs.makeItFit = api::makeItFit;
    verbs.roomFor = api::roomFor;
    verbs.whatIf = api::whatIf;
    verbs.smallestCard = api::smallestCard;
    verbs.longestContext = api::longestContext;
    verbs.forecast = api::forecast;
    verbs.measureRates = api::measureRates;
    verbs.summariseData = api::summariseData;
    verbs.inspectData = api::inspectData;
    verbs.makeTrainingRun = api::makeTrainingRun;
    verbs.proposeRunFolder = api::proposeRunFolder;
    verbs.listRuns = [] { return api::listRuns(dataFolder() / "runs"); };
    verbs.inspectRun = api::inspectRun;
    verbs.exportRun = api::exportRun;
    verbs.loadModel = loadModel;
    return verbs;
}

}  // namespace lorikeet::app
