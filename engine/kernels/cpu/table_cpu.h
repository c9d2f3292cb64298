// SPDX-License-Identifier: GPL-3.0-or-later
// The CPU's table of one instruction set, filled in a file that is compiled for it.
#pragma once

#include "engine/kernels/cpu/attention_backward_cpu.h"
#include "engine/kernels/cpu/attention_cpu.h"
#include "engine/kernels/cpu/dora_cpu.h"
#include "engine/kernels/cpu/elementwise_cpu.h"
#include "engine/kernels/cpu/matmul_cpu.h"
#include "engine/kernels/cpu/norm_cpu.h"
#include "engine/kernels/cpu/rows_cpu.h"
#include "engine/kernels/cpu/swiglu_cpu.h"
#include "engine/kernels/cpu/tables.h"
#include "engine/kernels/cpu/training_cpu.h"
#include "engine/kernels/cpu/unfused_table.h"
#include "engine/kernels/cpu/weight_gradients_cpu.h"
#include "engine/kernels/op_table.h"

namespace lorikeet::kernels::LORIKEET_ISA {

inline OpTable makeTable(const char* name)
{
    OpTable table;
    table.name = name;
    table.matmul = cpuMatmul;
    table.rmsNormForward = rmsNormForward;
    table.rmsNormBackward = rmsNormBackward;
    table.rope = rope;
    table.attentionForward = attentionForward;
    table.attentionBackward = attentionBackward;
    table.attentionCached = attentionCached;
    table.swigluForward = swigluForward;
    table.swigluBackward = swigluBackward;
    table.crossEntropy = crossEntropy;
    table.embed = embed;
    table.gatherRows = gatherRows;
    table.scatterRows = scatterRows;
    table.dropout = dropout;
    table.add = add;
    table.addBias = addBias;
    table.convert = convert;
    table.fillZero = fillZero;
    table.upload = [](Context&, const Mat& to, const void* from) { std::memcpy(to.data, from, to.bytes()); };
    table.download = [](Context&, void* to, const Mat& from) { std::memcpy(to, from.data, from.bytes()); };
    table.sumOfSquares = sumOfSquares;
    table.adamW = adamW;
    table.embedBackward = embedBackward;
    table.sumRows = sumRows;
    table.makeCopyLane = makeCpuCopyLane;
    table.rowNorms = rowNorms;
    table.scaleColumns = scaleColumns;
    table.magnitudeGradient = magnitudeGradient;
    return table;
}

}  // namespace lorikeet::kernels::LORIKEET_ISA
