// SPDX-License-Identifier: GPL-3.0-or-later
// Our own CUDA kernels as functions that take the ops' arguments and a stream. They return before the device is done. A storage type
// that is neither fp32 nor bf16 gives false (convert takes fp64 too).
#pragma once

#include "engine/kernels/cuda/launch.cuh"
#include "engine/kernels/op_table.h"

namespace lorikeet::kernels::cuda {

/// Room for partial sums that the device's state owns: sumOfSquares, and one fp32 per row for the gradient of a gain.
inline constexpr std::uint64_t kPartialBytes = 1 << 20;

bool launchEmbed(Stream stream, const Embed& args);
bool launchGatherRows(Stream stream, const GatherRows& args);
bool launchScatterRows(Stream stream, const ScatterRows& args);
bool launchRope(Stream stream, const Rope& args);
bool launchAdd(Stream stream, const Add& args);
bool launchAddBias(Stream stream, const AddBias& args);
bool launchConvert(Stream stream, const Convert& args);
bool launchFillZero(Stream stream, const Mat& x);
/// Rows of x from documents[last] on become zero; any element type, an absent x is nothing to do.
bool launchZeroRowsBehind(Stream stream, const Mat& x, const Mat& documents);
/// to [cols, rows] fp32 = from [rows, cols] transposed.
bool launchTranspose(Stream stream, const Mat& to, const Mat& from);

bool launchRmsNormForward(Stream stream, const RmsNormForward& args);
/// `partial` as described above, kPartialBytes long. @throws Error{Internal} when a gain's gradient has more rows than fit there.
bool launchRmsNormBackward(Stream stream, const RmsNormBackward& args, void* partial);

bool launchSwigluForward(Stream stream, const SwigluForward& args);
bool launchSwigluBackward(Stream stream, const SwigluBackward& args);
bool launchCrossEntropy(Stream stream, const CrossEntropy& args);
bool launchDropout(Stream stream, const Dropout& args);
/// partial[0] becomes the sum, in fp64 and in an order that depends on the number of elements only.
bool launchSumOfSquares(Stream stream, const Mat& x, void* partial);
bool launchAdamW(Stream stream, const AdamW& args);
bool launchAdamW8bit(Stream stream, const AdamW8bit& args);
bool launchSgdMomentum(Stream stream, const SgdMomentum& args);
bool launchLion(Stream stream, const Lion& args);
bool launchDequantise(Stream stream, const Dequantise& args);
bool launchEmbedBackward(Stream stream, const EmbedBackward& args);
bool launchSumRows(Stream stream, const SumRows& args);
bool launchRowNorms(Stream stream, const RowNorms& args);
bool launchScaleColumns(Stream stream, const ScaleColumns& args);
bool launchMagnitudeGradient(Stream stream, const MagnitudeGradient& args);

bool launchAttentionForward(Stream stream, const AttentionForward& args);
bool launchAttentionBackward(Stream stream, const AttentionBackward& args);
bool launchAttentionCached(Stream stream, const AttentionCached& args);

}  // namespace lorikeet::kernels::cuda
