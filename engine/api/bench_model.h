// SPDX-License-Identifier: GPL-3.0-or-later
// A model with a fresh adapter in planned memory, ready for optimizer steps on given documents: what the benchmarks time.
#pragma once

#include "engine/data/micro_batch.h"
#include "engine/model/compute_device.h"
#include "engine/model/decoder.h"
#include "engine/plan/memory_plan.h"
#include "engine/train/trained_state.h"

#include <memory>
#include <optional>
#include <vector>

namespace lorikeet::api {

/// Documents of token ids.
using TokenRows = std::vector<std::vector<std::int32_t>>;

/// One micro-batch: documents packed one behind the other. Every token but a document's last predicts the next one; with `prompts`,
/// predictions of the first prompts[d] tokens of document d are not counted.
[[nodiscard]] data::MicroBatch packedBatch(const TokenRows& rows, const std::vector<std::int64_t>& prompts = {});

/// micro_batch documents of `context` tokens each, the same ones every time.
[[nodiscard]] TokenRows randomRows(const Job& job, std::int64_t vocab);

class BenchModel {
public:
    /// Weights of job.model.path, random ones where it has none (`blueprint:NAME`, a bare config.json). On the CPU.
    /// @throws Error as planJob() and loadWeights() do.
    explicit BenchModel(const Job& job);
    BenchModel(const BenchModel&) = delete;
    BenchModel& operator=(const BenchModel&) = delete;

    /// One optimizer step over one micro-batch; `number` counts from 1. Returns the mean loss.
    double step(const data::MicroBatch& batch, std::int64_t number);

    [[nodiscard]] const ModelShape& shape() const noexcept { return m_shape; }
    [[nodiscard]] const DeviceSpec& device() const noexcept { return m_device; }
    [[nodiscard]] const plan::MemoryPlan& plan() const noexcept { return m_plan; }
    [[nodiscard]] model::PlannedMemory& memory() noexcept { return m_memory; }
    [[nodiscard]] kernels::Context& context() noexcept { return m_context; }
    [[nodiscard]] bool hasWeights() const noexcept { return m_hasWeights; }

private:
    Job m_job;
    ModelShape m_shape;
    DeviceSpec m_device;
    std::unique_ptr<model::ComputeDevice> m_compute;
    kernels::Context m_context;
    plan::MemoryPlan m_plan;
    model::PlannedMemory m_memory;
    std::optional<model::Decoder> m_decoder;
    std::optional<train::TrainedState> m_adapter;
    bool m_hasWeights = false;
};

}  // namespace lorikeet::api
