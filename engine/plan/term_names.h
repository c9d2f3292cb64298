// SPDX-License-Identifier: GPL-3.0-or-later
// Names of the budget's lines. Internal to the room.
#pragma once

#include <string_view>

namespace lorikeet::plan {

/// Their sentences stand in sentences.cpp.
namespace term {
inline constexpr std::string_view kLayerWeights = "weights of the layers";
inline constexpr std::string_view kUnquantised = "unquantised parts of the layers";
inline constexpr std::string_view kTables = "embedding and head";
// What is left of it where the rest is trained or lies on the host.
inline constexpr std::string_view kHeadTable = "output head";
inline constexpr std::string_view kEmbeddingTable = "embedding table";
inline constexpr std::string_view kLastNorm = "last norm";
inline constexpr std::string_view kAdapter = "adapter";
inline constexpr std::string_view kAdapterWork = "adapter, working copy";
inline constexpr std::string_view kKept = "kept for backward";
inline constexpr std::string_view kStream = "residual stream";
inline constexpr std::string_view kGradient = "gradient of the adapter";
inline constexpr std::string_view kMoments = "Adam moments";
inline constexpr std::string_view kMoments8bit = "Adam moments, 8-bit";
inline constexpr std::string_view kMomentScales = "scales of the moments";
inline constexpr std::string_view kMomentum = "momentum";
inline constexpr std::string_view kModel = "weights of the model";
inline constexpr std::string_view kMasters = "fp32 masters";
inline constexpr std::string_view kModelGradient = "gradient of the model";
inline constexpr std::string_view kAlso = "adapter and what is trained whole";
inline constexpr std::string_view kAlsoMasters = "fp32 masters of adapter and what is trained whole";
inline constexpr std::string_view kAlsoGradient = "gradient of adapter and what is trained whole";
inline constexpr std::string_view kQuantised = "quantised weights of the layers";
inline constexpr std::string_view kScales = "quantisation scales";
inline constexpr std::string_view kDequantise = "one matrix dequantised";
inline constexpr std::string_view kRowNorms = "row norms";
inline constexpr std::string_view kNormBlock = "rows for their norms";
inline constexpr std::string_view kLayerSlots = "visiting layers";
inline constexpr std::string_view kHostLayers = "offloaded layers";
inline constexpr std::string_view kHostEmbedding = "embedding on the host";
inline constexpr std::string_view kHostKept = "offloaded activations";
inline constexpr std::string_view kKeptSlots = "two layers' activations";
inline constexpr std::string_view kBlockScratch = "scratch of one layer";
inline constexpr std::string_view kBackwardScratch = "scratch of one backward layer";
inline constexpr std::string_view kLossChunk = "loss chunk";
inline constexpr std::string_view kEvaluate = "evaluation pass";
inline constexpr std::string_view kSample = "sampling cache";
inline constexpr std::string_view kBatch = "batch";
inline constexpr std::string_view kRope = "rotary table";
inline constexpr std::string_view kStaging = "loading";
inline constexpr std::string_view kPrincipal = "principal parts";
inline constexpr std::string_view kMatmul = "matrix product scratch";
inline constexpr std::string_view kWiden = "bf16 widened to fp32";
inline constexpr std::string_view kSlack = "gaps between buffers";
inline constexpr std::string_view kContext = "run time and libraries";
inline constexpr std::string_view kGrowth = "growth while running";
inline constexpr std::string_view kAttentionPool = "attention library's pool";
inline constexpr std::string_view kOtherPrograms = "other programs and the system";
inline constexpr std::string_view kDriver = "kept by the driver";
}  // namespace term

}  // namespace lorikeet::plan
