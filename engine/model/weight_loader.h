// SPDX-License-Identifier: GPL-3.0-or-later
// Frozen weights from a model source into their planned places.
#pragma once

#include "engine/base/progress.h"
#include "engine/formats/model_source.h"
#include "engine/kernels/context.h"
#include "engine/model/planned_memory.h"
#include "engine/model/quantised_weights.h"

#include <cstdint>
#include <stop_token>

namespace lorikeet::model {

/// A model that can be computed with. @throws Error{BadInput} for a configuration without weights and for heads larger than the
/// kernels take.
[[nodiscard]] std::unique_ptr<formats::ModelSource> openRunnableModel(const std::filesystem::path& path);

/// Rows of a parameter that take the place of the file's, which `fromFile` reads; null: the file's stay. Used until the next call.
using ReplaceRows = std::function<ReadRows(ParamId id, const ReadRows& fromFile)>;

/// Reads every parameter (the head of a tied model from the embedding table, where the plan has one of its own), straight where file and plan agree on the type or the quantisation, else in fp32 blocks through Layout::staging. Fills the
/// rotary table too. @throws Error{BadInput} from the file, Error{Cancelled} between tensors.
void loadWeights(const formats::ModelSource& source, PlannedMemory& memory, kernels::Context& context, const std::stop_token& stop,
                 const ProgressFn& progress, const ReplaceRows& replace = {});

/// Fills the masters of the parameters that are trained, or that an adapter brings, with other values; the working copy is the caller's to
/// make again. Uses the staging of the load phase. @throws what `read` throws.
void fillParameters(const formats::ReadParameter& read, const ModelShape& shape, PlannedMemory& memory, kernels::Context& context);

/// The same places filled with small random numbers, for benchmarks on a bare configuration: normal matrices of deviation
/// 1 / sqrt(columns), gains 1.
void fillRandomWeights(const ModelShape& shape, PlannedMemory& memory, kernels::Context& context, std::uint64_t seed);

}  // namespace lorikeet::model
