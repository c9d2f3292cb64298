// SPDX-License-Identifier: GPL-3.0-or-later
// The table of kernels of one device. The CPU's is built in; the CUDA plug-in registers its own with the same signatures. Only the
// op_*.cpp files call through it, after checking shapes.
#pragma once

#include "engine/kernels/adamw.h"
#include "engine/kernels/adamw_8bit.h"
#include "engine/kernels/attention.h"
#include "engine/kernels/cross_entropy.h"
#include "engine/kernels/dequantise.h"
#include "engine/kernels/dora.h"
#include "engine/kernels/dropout.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/matmul.h"
#include "engine/kernels/rms_norm.h"
#include "engine/kernels/rope.h"
#include "engine/kernels/rows.h"
#include "engine/kernels/sgd_lion.h"
#include "engine/kernels/swiglu.h"
#include "engine/kernels/weight_gradients.h"

namespace lorikeet::kernels {

class CopyLane;

/// One function pointer per op. Arguments were checked by the op; kernels need not check again.
struct OpTable {
    const char* name = "";  ///< "cpu avx512", "cpu avx2", "cuda"

    void (*matmul)(Context&, const Matmul&) = nullptr;
    void (*rmsNormForward)(Context&, const RmsNormForward&) = nullptr;
    void (*rmsNormBackward)(Context&, const RmsNormBackward&) = nullptr;
    void (*rope)(Context&, const Rope&) = nullptr;
    void (*attentionForward)(Context&, const AttentionForward&) = nullptr;
    void (*attentionBackward)(Context&, const AttentionBackward&) = nullptr;
    void (*attentionCached)(Context&, const AttentionCached&) = nullptr;
    void (*swigluForward)(Context&, const SwigluForward&) = nullptr;
    void (*swigluBackward)(Context&, const SwigluBackward&) = nullptr;
    void (*crossEntropy)(Context&, const CrossEntropy&) = nullptr;
    void (*embed)(Context&, const Embed&) = nullptr;
    void (*gatherRows)(Context&, const GatherRows&) = nullptr;
    void (*scatterRows)(Context&, const ScatterRows&) = nullptr;
    void (*dropout)(Context&, const Dropout&) = nullptr;
    void (*add)(Context&, const Add&) = nullptr;
    void (*addBias)(Context&, const AddBias&) = nullptr;
    void (*convert)(Context&, const Convert&) = nullptr;
    void (*fillZero)(Context&, const Mat&) = nullptr;
    void (*upload)(Context&, const Mat&, const void*) = nullptr;
    void (*download)(Context&, void*, const Mat&) = nullptr;
    double (*sumOfSquares)(Context&, const Mat&) = nullptr;
    void (*adamW)(Context&, const AdamW&) = nullptr;
    void (*adamW8bit)(Context&, const AdamW8bit&) = nullptr;
    void (*sgdMomentum)(Context&, const SgdMomentum&) = nullptr;
    void (*lion)(Context&, const Lion&) = nullptr;
    void (*dequantise)(Context&, const Dequantise&) = nullptr;
    void (*embedBackward)(Context&, const EmbedBackward&) = nullptr;
    void (*sumRows)(Context&, const SumRows&) = nullptr;
    CopyLane* (*makeCopyLane)(Context&) = nullptr;  ///< the caller owns the result
    void (*rowNorms)(Context&, const RowNorms&) = nullptr;
    void (*scaleColumns)(Context&, const ScaleColumns&) = nullptr;
    void (*magnitudeGradient)(Context&, const MagnitudeGradient&) = nullptr;
};

/// The CPU's table for this processor: AVX-512 or AVX2 (LORIKEET_MAX_ISA=avx2 or avx512 lowers it; AVX512-BF16 counts above AVX-512). @throws Error{Device} without AVX2.
[[nodiscard]] const OpTable& cpuOps();

}  // namespace lorikeet::kernels
