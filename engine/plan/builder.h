// SPDX-License-Identifier: GPL-3.0-or-later
// The planner's desk: adds buffers to a plan under construction. Internal to the room.
#pragma once

#include "engine/plan/memory_plan.h"
#include "engine/plan/planner.h"
#include "engine/plan/term_names.h"
#include "engine/spec/also_train.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorikeet::plan {

/// First and last program point of a buffer, both included.
struct Lifetime {
    PointIndex first = 0;
    PointIndex last = 0;
};

/// Collects buffers; offsets come later from packing.
class Builder {
public:
    Builder(const ModelShape& modelShape, MemoryPlan& target) : shape(modelShape), plan(target)
    {
        plan.buffers.reserve(static_cast<std::size_t>(modelShape.layers) * 48 + 64);  // about what a layer has
    }

    BufferId add(std::string name, Category category, std::string_view termName, DType dtype, Dims dims,
                 Lifetime life, int layer = -1);
    /// In host memory: category Buffers of the second budget.
    BufferId addHost(std::string name, std::string_view termName, DType dtype, Dims dims, Lifetime life, int layer = -1);
    [[nodiscard]] Lifetime whole() const noexcept { return {0, plan.program.last()}; }
    [[nodiscard]] Lifetime phase(Phase p) const;

    const ModelShape& shape;
    MemoryPlan& plan;
    bool named = true;  ///< false: buffers keep no names, which is faster

private:
    /// @throws Error{Usage} when all buffers together pass any machine.
    std::uint64_t checkedBytes(const Buffer& buffer);

    std::uint64_t m_sum = 0;
};

/// Norm parameters of a layer beside the four that every runnable family may have: further norms, wider ones or biases of families
/// that are only planned for. They are one buffer a layer.
[[nodiscard]] std::int64_t otherNormParameters(const ModelShape& shape);

/// Which parameters of the model lie in the flat buffers and not among the frozen weights.
struct TrainedParameters {
    bool wholeModel = false;   ///< full fine-tuning: every one
    std::vector<ParamId> ids;  ///< else these, sorted

    [[nodiscard]] bool has(ParamId id) const { return wholeModel || std::ranges::binary_search(ids, id); }
};
/// Those of recipe.also_train.
[[nodiscard]] std::vector<ParamId> alsoTrained(const ModelShape& shape, const AlsoTrain& also);

/// What lies in the flat buffers.
struct TrainedJob {
    std::vector<AdapterSlot> adapters;  ///< layer, linear, rank, alpha, scale; widths and offsets are computed
    TrainedParameters parameters;
    bool training = true;               ///< with gradient and optimizer state
    OptimizerKind optimizer = OptimizerKind::AdamW;
    double momentum = 0;
};

/// Frozen parameters of the model (none when all of it is trained), and the rotary table and staging that go with loading them.
void addWeights(Builder& builder, const TrainedParameters& trained);
/// Flat buffers of what is trained; fills Layout::trained.
void addTrained(Builder& builder, const TrainedJob& job);
/// How the train phase runs.
struct TrainingPlan {
    std::vector<Recompute> levels;
    bool dropout = false;
    bool attentionWorkspace = false;
    bool offloadKept = false;  ///< what layers keep lies on the host between forward and backward
};
/// Everything of the train phase: batch, kept activations by level, scratch, loss chunk.
void addTraining(Builder& builder, const TrainingPlan& training);
/// The evaluation pass over Layout::slots rows.
void addEvaluation(Builder& builder);
/// Sampling with a cache of Layout::sampleContext slots.
void addSampling(Builder& builder);
/// Moves the weights of the first `count` layers to the host and gives them two slots on the device.
void offloadLayers(Builder& builder, std::int64_t count);
/// Moves the embedding table to the host; only the rows of a micro-batch visit the device.
void offloadEmbedding(Builder& builder);
/// Staging for weights that are loaded into host memory; for quantised ones with `layers`.
void addHostStaging(Builder& builder, bool layers);
/// Host buffers for what a layer keeps.
[[nodiscard]] BlockBuffers hostTwin(Builder& builder, const BlockBuffers& kept, int layer, Lifetime life);
/// Room for splitting off principal parts (PiSSA) of the weights behind Layout::trained.adapters while loading; always in the host's memory.
void addPrincipal(Builder& builder, const KernelCosts& costs, bool deviceIsHost);
/// Workspace of the product library and the widened operands, for all phases.
void addKernelScratch(Builder& builder, const KernelCosts& costs);

/// Offsets by deterministic interval packing; fills arenaBytes, lowerBoundBytes, peakPoint.
void packBuffers(MemoryPlan& plan, std::uint64_t guardBytes);
/// Categories, terms, verdict; `brief`: the verdict only.
void summarise(MemoryPlan& plan, const DeviceSpec& device, const KernelCosts& costs, bool brief);

}  // namespace lorikeet::plan
