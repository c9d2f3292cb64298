// SPDX-License-Identifier: GPL-3.0-or-later
// plan(): the one pure function behind the memory budget.
#pragma once

#include "engine/plan/memory_plan.h"
#include "engine/spec/device_spec.h"
#include "engine/spec/job.h"
#include "engine/spec/model_shape.h"

#include <cstdint>

namespace lorikeet::plan {

/// What kernels need beside their operands, as a value: measured by `kernels` on this machine, documented upper bounds for a
/// catalogue device.
struct KernelCosts {
    std::uint64_t matmulScratchBytes = 8u << 20;  ///< scratchpad of the largest product
    std::uint64_t widenBytes = 0;  ///< fp32 copies of the operands of the largest product where bf16 is storage only
    std::uint64_t attentionPoolBytes = 0;  ///< results that LibTorch's attention allocates itself before they are copied (CUDA)
    std::uint64_t principalScratchBytes = 8u << 20;  ///< scratchpad of the host's products that split weights while loading (PiSSA)
    bool attentionWorkspace = false;  ///< attention's backward sums dq in fp32 rows beside bf16 operands (CPU kernels)
};

/// Buffers of the checking mode: guard bytes behind every buffer for canaries.
struct PlanOptions {
    std::uint64_t guardBytes = 0;
    bool reference = false;  ///< fp64 throughout: the path that the tests hold against autograd
    bool brief = false;      ///< without names, terms and categoryBytes: for the totals of many jobs
};

/// The whole memory of rank `rank` of a training run.
/// @throws Error{Usage} when the job cannot be planned (unknown target, rank world > 1 "not yet", context beyond the model's).
[[nodiscard]] MemoryPlan plan(const ModelShape& shape, const Job& job, const DeviceSpec& device, const KernelCosts& costs,
                              Rank rank = {}, PlanOptions options = {});

/// What generation and logits need: weights, an optional adapter, one evaluation pass over `rows` slots, a cache of `context`.
struct InferenceJob {
    std::int64_t context = 1024;   ///< slots of the cache
    std::int64_t rows = 256;       ///< rows of a prefill chunk
    std::int64_t evaluateRows = 0; ///< T of an evaluation pass with logits of all rows (`logits`); 0: none
    std::int64_t lossChunk = 64;
    DType precision = DType::F32;
    Quantization quantization = Quantization::None;
    bool doubleQuantization = false;
    std::vector<AdapterSlot> adapters;  ///< layer, linear, rank, alpha, scale are read; offsets are filled in
    std::vector<ParamId> parameters;    ///< parameters of the model that the adapter brings whole
};
[[nodiscard]] MemoryPlan planInference(const ModelShape& shape, const InferenceJob& job, const DeviceSpec& device,
                                       const KernelCosts& costs, PlanOptions options = {});

}  // namespace lorikeet::plan
