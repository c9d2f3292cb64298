// SPDX-License-Identifier: GPL-3.0-or-later
// Which buffer of the plan plays which part. The planner fills it, the engine resolves the ids once at the start and never looks
// a name up again. An id of kNone means: this job has no such buffer.
//
// Legend: T slots of a micro-batch, H hidden, Q query width, K kv width, F MLP width, V vocabulary, r rank, C rows of a loss chunk,
// S slots of the sampling cache, P rows of a prefill chunk.
#pragma once

#include "engine/plan/block_buffers.h"
#include "engine/plan/trained.h"
#include "engine/spec/job.h"
#include "engine/spec/model_shape.h"
#include "engine/spec/quantization.h"

#include <array>
#include <cstdint>
#include <vector>

namespace lorikeet::plan {

/// Frozen parameters of one linear map: weight [out, in], bias [1, out]. A trained one lies in the flat buffers and has kNone here.
/// A quantised weight has the four others instead, sized by quantizedSizes().
struct LinearWeights {
    BufferId weight = kNone;
    BufferId bias = kNone;
    BufferId codes = kNone;         ///< uint8 [1, bytes]
    BufferId scales = kNone;        ///< [1, blocks or rows] fp32, or uint8 with double quantisation
    BufferId nestedScales = kNone;  ///< [1, nested] fp32, with double quantisation only, as the next
    BufferId nestedOffset = kNone;  ///< [1, 1] fp32
};

struct LayerWeights {
    BufferId normIn = kNone;   ///< [H]
    BufferId normMid = kNone;  ///< [H]
    BufferId qNorm = kNone;    ///< [head size]
    BufferId kNorm = kNone;
    std::array<LinearWeights, 7> linears;  ///< by Linear
    std::array<std::int32_t, 7> adapters{-1, -1, -1, -1, -1, -1, -1};  ///< index into Trained::adapters, or -1
};

/// Scratch of the backward pass of one block.
struct BackwardScratch {
    BufferId dStream = kNone;   ///< [T, H] gradient of the residual stream, in place through all layers
    BufferId dNorm = kNone;     ///< [T, H]
    BufferId dProduct = kNone;  ///< [T, F]
    BufferId dAttn = kNone;     ///< [T, Q]
    BufferId dQ = kNone;        ///< [T, Q]
    BufferId dK = kNone;        ///< [T, K]
    BufferId dV = kNone;        ///< [T, K]
    BufferId dS = kNone;        ///< [T, max r]
    BufferId z = kNone;         ///< [T, widest out of a map with a magnitude]: its output made again, then the gradient of it
    BufferId attnSum = kNone;   ///< [T, Q] fp32 sums of dq (bf16 jobs on a CPU)
    BufferId attnDelta = kNone; ///< [T, heads] row sums of dO * O, fp32
};

/// One micro-batch on the device.
struct BatchBuffers {
    BufferId tokens = kNone;      ///< [T] int32
    BufferId targets = kNone;     ///< [T] int32 of the supervised rows, compacted
    BufferId rows = kNone;        ///< [T] int32 indices of the supervised rows
    BufferId positions = kNone;   ///< [T] int32
    BufferId documents = kNone;   ///< [T + 1] int32 starts, padded with N
    BufferId sampleIds = kNone;   ///< [T] int64 per token (dropout keys)
};

/// Head and loss, C rows at a time.
struct HeadBuffers {
    BufferId x = kNone;       ///< [C, H] gathered rows
    BufferId norm = kNone;    ///< [C, H]
    BufferId logits = kNone;  ///< [C, V] logits, then their gradient
    BufferId dNorm = kNone;   ///< [C, H]
    BufferId losses = kNone;  ///< [C] fp32
};

/// Generation: keys and values of all layers and the rows of one prefill chunk.
struct SampleBuffers {
    std::vector<BufferId> keys;    ///< per layer [S, K]
    std::vector<BufferId> values;  ///< per layer [S, K]
    BlockBuffers block;            ///< with P rows
    BufferId logits = kNone;       ///< [1, V] fp32
    BufferId norm = kNone;         ///< [1, H]
    BufferId tokens = kNone;       ///< [P] int32
    BufferId positions = kNone;    ///< [P] int32
};

/// Room on the host for splitting off the principal part of a weight while loading (PiSSA), for the largest adapted map.
struct PrincipalBuffers {
    BufferId matrix = kNone;   ///< fp32: one weight
    BufferId left = kNone;     ///< fp32: directions [columns, out]
    BufferId right = kNone;    ///< fp32: directions [columns, in]
    BufferId core = kNone;     ///< fp64 [2 columns, columns]
    BufferId scratch = kNone;  ///< of the product library
};

/// All parts.
struct Layout {
    DType compute = DType::F32;  ///< of weights and activations
    Quantization quantization = Quantization::None;  ///< of the layers' matrices
    bool doubleQuantization = false;
    std::int64_t slots = 0;      ///< T
    std::int64_t context = 0;
    std::int64_t lossChunk = 0;      ///< C
    std::int64_t sampleContext = 0;  ///< S
    std::int64_t prefillRows = 0;    ///< P
    std::int64_t addedRows = 0;      ///< of V: behind the model's own
    bool training = false;

    BufferId embedding = kNone;  ///< [V, H]
    BufferId finalNorm = kNone;  ///< [H]
    BufferId head = kNone;       ///< [V, H]; the same id as embedding when tied
    std::vector<LayerWeights> layers;

    // Offloading: host twins of what takes turns in two slots on the device; empty or kNone where nothing is offloaded.
    std::vector<LayerWeights> hostLayers;  ///< per layer; those that are not offloaded have no buffers
    std::vector<BlockBuffers> hostKept;    ///< per layer: kept activations; layer l has slot l % 2, input l % 3; the last two have no twins
    BufferId hostRows = kNone;     ///< [T, H] rows of an embedding table that lies on the host
    BufferId hostStaging = kNone;  ///< as staging and loadScales, for weights that lie on the host
    BufferId hostLoadScales = kNone;

    Trained trained;
    BufferId master = kNone;     ///< [elements] fp32
    BufferId work = kNone;       ///< bf16 copy for the products; the same id as master in fp32 jobs
    BufferId gradient = kNone;   ///< fp32
    BufferId rowNorms = kNone;   ///< [1, outs of all maps with a magnitude] fp32 (DoRA)
    BufferId normBlock = kNone;  ///< fp32: some rows of W + s B A
    BufferId moment1 = kNone;    ///< fp32; uint8 codes with an 8-bit optimizer
    BufferId moment2 = kNone;
    BufferId moment1Scale = kNone;  ///< [elements / 256] fp32, 8-bit optimizers only
    BufferId moment2Scale = kNone;

    BufferId ropeTable = kNone;  ///< [context, head size] fp32: cos then sin of half the head size each
    BufferId staging = kNone;    ///< fp32 rows while loading
    PrincipalBuffers principal;  ///< PiSSA only
    BufferId loadScales = kNone; ///< fp32 scales of one matrix before they are quantised themselves
    BufferId dequantised = kNone;  ///< [1, largest matrix] in the compute type
    BatchBuffers batch;
    std::vector<BlockBuffers> forward;   ///< per layer, in the forward pass of training
    std::vector<BlockBuffers> backward;  ///< per layer, in the backward pass: same ids where kept, else backward scratch
    std::vector<Recompute> levels;       ///< per layer
    BackwardScratch scratch;
    HeadBuffers trainHead;
    HeadBuffers evaluateHead;
    BlockBuffers evaluate;       ///< all layers share it; y and x change places
    SampleBuffers sample;

    BufferId matmulScratch = kNone;  ///< of the product library
    BufferId widen = kNone;          ///< fp32 operands where bf16 is storage only
};

}  // namespace lorikeet::plan
