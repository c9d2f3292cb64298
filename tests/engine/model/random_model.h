// SPDX-License-Identifier: GPL-3.0-or-later
// A model of random weights in memory, and small shapes of every family, for the tests of the engine.
#pragma once

#include "engine/data/micro_batch.h"
#include "engine/formats/model_source.h"
#include "engine/model/compute_device.h"
#include "engine/model/decoder.h"
#include "engine/model/planned_memory.h"
#include "engine/plan/planner.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace lorikeet::test {

/// Weights that make attention far from uniform: matrices normal with deviation 1.5 / sqrt(in), gains around 1, biases around 0.
class RandomSource final : public formats::ModelSource {
public:
    RandomSource(ModelShape shape, std::uint64_t seed);
    [[nodiscard]] const ModelShape& shape() const noexcept override { return m_shape; }
    [[nodiscard]] const std::filesystem::path& path() const noexcept override { return m_path; }
    [[nodiscard]] std::string format() const override { return "random"; }
    [[nodiscard]] bool hasWeights() const noexcept override { return true; }
    [[nodiscard]] const formats::SourceTensor& tensor(formats::ParamId) const override { return m_tensor; }
    void readRows(formats::ParamId id, std::int64_t firstRow, std::int64_t rowCount, std::span<float> target) const override;
    [[nodiscard]] bool readRaw(formats::ParamId, DType, std::span<std::byte>) const override { return false; }
    [[nodiscard]] std::vector<std::filesystem::path> files() const override { return {}; }
    [[nodiscard]] std::uint64_t weightBytes() const noexcept override { return 0; }
    [[nodiscard]] std::optional<std::string> licence() const override { return {}; }

    /// The whole parameter.
    [[nodiscard]] std::vector<float> values(formats::ParamId id) const;

private:
    ModelShape m_shape;
    std::uint64_t m_seed;
    std::filesystem::path m_path = "random";
    formats::SourceTensor m_tensor;
};

/// "llama", "llama3-rope", "mistral-window", "qwen2", "qwen3", "smollm2" (tied), "wide-heads" (query width != hidden, yarn), "granite", "smollm3", "olmo2".
[[nodiscard]] ModelShape smallShape(const std::string& name);
[[nodiscard]] std::vector<std::string> smallShapeNames();

/// Documents of the given lengths with random tokens; about two thirds of the tokens are supervised.
[[nodiscard]] data::MicroBatch randomBatch(const std::vector<int>& lengths, std::int64_t vocab, std::uint32_t seed);

/// A job for a small model: all targets, rank 4, fp32, with evaluation and samples.
[[nodiscard]] Job smallJob(std::int64_t context, std::int64_t microBatch);

/// A model planned, loaded and adapted on the CPU. B of the adapter is random too, so that every gradient is alive.
struct LoadedModel {
    LoadedModel(const ModelShape& shape, const Job& job, plan::PlanOptions options = {}, int threads = 2);
    /// Trained values, flat; written to master and working copy.
    void setAdapter(const std::vector<double>& flat);
    /// Gradient of the adapter as fp64.
    [[nodiscard]] std::vector<double> gradient();
    void clearGradient();
    /// A buffer of one row as fp64.
    [[nodiscard]] std::vector<double> numbersOf(plan::BufferId id);

    RandomSource source;
    std::unique_ptr<model::ComputeDevice> device;
    plan::MemoryPlan plan;
    kernels::Context context;
    std::unique_ptr<model::PlannedMemory> memory;
    std::unique_ptr<model::Decoder> decoder;
    std::vector<double> adapter;
};

}  // namespace lorikeet::test
