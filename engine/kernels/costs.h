// SPDX-License-Identifier: GPL-3.0-or-later
// What the kernels of this machine need beside their operands, for the planner.
#pragma once

#include "engine/plan/planner.h"
#include "engine/spec/also_train.h"

#include <cstdint>

namespace lorikeet::kernels {

/// The sizes that decide which products a job runs.
struct ProductSizes {
    std::int64_t rows = 0;        ///< T, or rows of an inference chunk
    std::int64_t lossChunk = 0;   ///< C
    std::int64_t largestRank = 0; ///< 0: no adapter
    DType compute = DType::F32;
    bool training = true;
    bool wholeModel = false;  ///< every weight has a gradient
    AlsoTrain also;           ///< what is trained beside the adapter
    bool principal = false;   ///< principal parts are split off while loading
    bool magnitudes = false;  ///< rows of W + s B A are made for their norms (DoRA)

    /// The table of the head has a gradient; a tied one is the embedding's.
    [[nodiscard]] bool headIsTrained(bool tied) const noexcept { return wholeModel || also.head || (also.embeddings && tied); }
};

/// Of a training job.
[[nodiscard]] ProductSizes productSizes(const Job& job);

/// Asks oneDNN for the scratchpad of every product of the job on this CPU; a few ms on the first call for a shape.
[[nodiscard]] plan::KernelCosts cpuCosts(const ModelShape& shape, const ProductSizes& sizes);

/// Upper bounds for a CUDA device: cuBLASLt's workspace, and what LibTorch's flash attention allocates in bf16 jobs.
[[nodiscard]] plan::KernelCosts cudaCosts(const ModelShape& shape, const ProductSizes& sizes);

}  // namespace lorikeet::kernels
