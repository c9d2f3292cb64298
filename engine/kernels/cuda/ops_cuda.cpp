// SPDX-License-Identifier: GPL-3.0-or-later
// The table of the CUDA kernels: each op on its context's stream.
#include "engine/base/check.h"
#include "engine/kernels/cuda/launchers.cuh"
#include "engine/kernels/cuda/state_cuda.h"

namespace lorikeet::kernels::cuda {

namespace {

/// An op that is one launch.
template <auto Launch, typename Args>
void run(Context& context, const Args& args)
{
    LORIKEET_CHECK(Launch(stateOf(context).stream, args), "a CUDA kernel was given an element type that it does not take: fp32 and bf16 only");
}

void rmsNormBackward(Context& context, const RmsNormBackward& args)
{
    const DeviceState& state = stateOf(context);
    LORIKEET_CHECK(launchRmsNormBackward(state.stream, args, state.partial), "rmsNormBackward on CUDA: fp32 and bf16 only");
}

void attentionForward(Context& context, const AttentionForward& args)
{
    if (flashTakes(args.q, args.headSize))
        flashForward(context, args);
    else
        run<launchAttentionForward>(context, args);
}

void attentionBackward(Context& context, const AttentionBackward& args)
{
    if (flashTakes(args.q, args.headSize))
        flashBackward(context, args);
    else
        run<launchAttentionBackward>(context, args);
}

double sumOfSquares(Context& context, const Mat& x)
{
    const DeviceState& state = stateOf(context);
    if (x.elements() == 0)
        return 0.0;
    LORIKEET_CHECK(launchSumOfSquares(state.stream, x, state.partial), "sumOfSquares on CUDA: fp32 and bf16 only");
    double sum = 0;
    checkCuda(cudaMemcpyAsync(&sum, state.partial, sizeof sum, cudaMemcpyDeviceToHost, state.stream), "sum of squares");
    checkCuda(cudaStreamSynchronize(state.stream), "sum of squares");
    return sum;
}

void upload(Context& context, const Mat& to, const void* from)
{
    const DeviceState& state = stateOf(context);
    checkCuda(cudaMemcpyAsync(to.data, from, to.bytes(), cudaMemcpyHostToDevice, state.stream), "copy to the GPU");
    checkCuda(cudaStreamSynchronize(state.stream), "copy to the GPU");
}

void download(Context& context, void* to, const Mat& from)
{
    const DeviceState& state = stateOf(context);
    checkCuda(cudaMemcpyAsync(to, from.data, from.bytes(), cudaMemcpyDeviceToHost, state.stream), "copy from the GPU");
    checkCuda(cudaStreamSynchronize(state.stream), "copy from the GPU");
}

OpTable makeTable()
{
    OpTable table;
    table.name = "cuda";
    table.matmul = matmulCublas;
    table.rmsNormForward = run<launchRmsNormForward, RmsNormForward>;
    table.rmsNormBackward = rmsNormBackward;
    table.rope = run<launchRope, Rope>;
    table.attentionForward = attentionForward;
    table.attentionBackward = attentionBackward;
    table.attentionCached = run<launchAttentionCached, AttentionCached>;
    table.swigluForward = run<launchSwigluForward, SwigluForward>;
    table.swigluBackward = run<launchSwigluBackward, SwigluBackward>;
    table.crossEntropy = run<launchCrossEntropy, CrossEntropy>;
    table.embed = run<launchEmbed, Embed>;
    table.gatherRows = run<launchGatherRows, GatherRows>;
    table.scatterRows = run<launchScatterRows, ScatterRows>;
    table.dropout = run<launchDropout, Dropout>;
    table.add = run<launchAdd, Add>;
    table.addBias = run<launchAddBias, AddBias>;
    table.convert = run<launchConvert, Convert>;
    table.fillZero = run<launchFillZero, Mat>;
    table.upload = upload;
    table.download = download;
    table.sumOfSquares = sumOfSquares;
    table.adamW = run<launchAdamW, AdamW>;
    table.adamW8bit = run<launchAdamW8bit, AdamW8bit>;
    table.sgdMomentum = run<launchSgdMomentum, SgdMomentum>;
    table.lion = run<launchLion, Lion>;
    table.dequantise = run<launchDequantise, Dequantise>;
    table.embedBackward = run<launchEmbedBackward, EmbedBackward>;
    table.sumRows = run<launchSumRows, SumRows>;
    table.makeCopyLane = makeCudaCopyLane;
    table.rowNorms = run<launchRowNorms, RowNorms>;
    table.scaleColumns = run<launchScaleColumns, ScaleColumns>;
    table.magnitudeGradient = run<launchMagnitudeGradient, MagnitudeGradient>;
    return table;
}

}  // namespace

const OpTable& cudaOps()
{
    static const OpTable table = makeTable();
    return table;
}

}  // namespace lorikeet::kernels::cuda
