// SPDX-License-Identifier: GPL-3.0-or-later
// Everything the window asks of the engine, as a value: the program fills it from engine/api, tests from a scripted engine.
#pragma once

#include "engine/api/datasets.h"
#include "engine/api/exporting.h"
#include "engine/api/generation.h"
#include "engine/api/models.h"
#include "engine/api/training_run.h"
#include "engine/plan/fit.h"
#include "engine/plan/inverse.h"
#include "engine/plan/planner.h"
#include "engine/plan/what_if.h"
#include "engine/spec/device_spec.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet::ui {

/// A loaded model that answers; used by one worker thread at a time. @throws Error
using Answerer = std::function<api::GenerationResult(const api::GenerationOptions&, const std::function<void(std::string_view)>& onText,
                                                     const std::stop_token&)>;

/// What to load for "try a prompt".
struct ModelRequest {
    std::string model;
    std::filesystem::path adapter;
    std::string device = "auto";
    std::int64_t context = 1024;
    api::BaseWeights weights;  ///< of the base
};

/// A card that can be planned for without being here.
struct CatalogueEntry {
    std::string id;     ///< what run.device takes
    std::string group;  ///< neighbours of one group are listed together
    std::uint64_t memoryBytes = 0;
    double memoryGBps = 0;
    double bf16Tflops = 0;  ///< dense; 0: no bf16
    bool canTrain = true;   ///< false: to be planned for only, even where it is in the machine
};

/// All functions may be called on any thread, block unless said otherwise and throw Error; see engine/api for each.
struct EngineVerbs {
    std::function<bool()> hasStarterModel;  ///< does not block
    std::function<api::ModelInfo(const std::string& path)> inspectModel;
    std::function<ModelShape(const Job&)> trainedShape;  ///< with the rows of the job's added tokens
    std::function<std::vector<api::FoundModel>(const std::vector<std::filesystem::path>& extra, const std::stop_token&, const ProgressFn&)> findModels;
    std::function<std::vector<std::string>()> blueprints;        ///< names; does not block
    std::function<std::vector<DeviceSpec>()> machineDevices;
    std::function<std::vector<CatalogueEntry>()> catalogueDevices;  ///< does not block
    std::function<DeviceSpec(const std::string& id)> findDevice;
    std::function<plan::KernelCosts(const ModelShape&, const Job&, const DeviceSpec&)> kernelCosts;
    std::function<plan::FitAnswer(const ModelShape&, const Job&, const DeviceSpec&, const plan::FitOptions&)> makeItFit;
    std::function<plan::FitAnswer(const ModelShape&, const Job&, const DeviceSpec&, const plan::FitOptions&)> roomFor;
    std::function<plan::WhatIfSeries(plan::Axis, const ModelShape&, const Job&, const DeviceSpec&, const plan::Workload&)> whatIf;
    std::function<plan::SmallestCard(const ModelShape&, const Job&, const plan::FitOptions&)> smallestCard;
    std::function<plan::LongestContext(const ModelShape&, const Job&, const DeviceSpec&, const plan::FitOptions&)> longestContext;
    std::function<plan::StepForecast(const ModelShape&, const Job&, const DeviceSpec&, const plan::Workload&)> forecast;  ///< does not block
    std::function<DeviceSpec(DeviceSpec)> measureRates;
    std::function<api::DataSummary(const Job&, std::size_t previewRows, const std::stop_token&, const ProgressFn&)> summariseData;
    std::function<api::DataInfo(const std::filesystem::path&, const std::string& format, const std::stop_token&, const ProgressFn&)> inspectData;
    std::function<std::unique_ptr<api::TrainingRun>(api::RunOptions)> makeTrainingRun;  ///< does not block
    std::function<std::filesystem::path(const Job&)> proposeRunFolder;
    std::function<std::vector<api::RunInfo>()> listRuns;  ///< of the default folder, newest first
    std::function<api::RunInfo(const std::filesystem::path&)> inspectRun;
    std::function<api::ExportReport(const api::ExportRequest&, const std::stop_token&, const ProgressFn&)> exportRun;
    std::function<Answerer(const ModelRequest&, const std::stop_token&, const ProgressFn&)> loadModel;
};

}  // namespace lorikeet::ui
