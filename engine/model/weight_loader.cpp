// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/weight_loader.h"

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/philox.h"
#include "engine/formats/parameters.h"
#include "engine/kernels/attention.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace lorikeet::model {

namespace {

using formats::ParamId;
using formats::ParamKind;

plan::BufferId bufferOf(const plan::Layout& layout, ParamId id)
{
    if (id.kind == ParamKind::Embedding)
        return layout.embedding;
    if (id.kind == ParamKind::FinalNorm)
        return layout.finalNorm;
    if (id.kind == ParamKind::Head)
        return layout.head;
    const plan::LayerWeights& layer = layout.layers[static_cast<std::size_t>(id.layer)];
    const plan::LinearWeights& linear = layer.linears[static_cast<std::size_t>(id.linear)];
    switch (id.kind) {
    case ParamKind::LayerNormIn: return layer.normIn;
    case ParamKind::LayerNormMid: return layer.normMid;
    case ParamKind::QNorm: return layer.qNorm;
    case ParamKind::KNorm: return layer.kNorm;
    case ParamKind::LinearWeight: return linear.weight;
    case ParamKind::LinearBias: return linear.bias;
    default: return plan::kNone;
    }
}

/// A planned parameter seen as the file's rows and columns: vectors are planned as one row, stored as one column.
Mat asFileRows(const Mat& mat, const ModelShape& shape, ParamId id)
{
    const auto [rows, columns] = formats::shapeOf(id, shape);
    LORIKEET_CHECK(mat.elements() == rows * columns, "planned " + kernels::describe(mat) + " for " + formats::hfNameOf(id));
    return mat.reshaped(rows, columns);
}

/// Calls fill(firstRow, count, span) for blocks that fit the staging buffer and converts each into `target`. On a GPU the block is
/// filled on the host and copied into the staging buffer.
template <typename Fill>
void fillInBlocks(kernels::Context& context, const Mat& target, const Mat& staging, const Fill& fill)
{
    const std::int64_t rowsAtOnce = std::max<std::int64_t>(1, staging.cols / target.cols);
    const bool onDevice = context.device != nullptr;
    std::vector<float> host(onDevice ? static_cast<std::size_t>(std::min(rowsAtOnce, target.rows) * target.cols) : 0);
    for (std::int64_t row = 0; row < target.rows; row += rowsAtOnce) {
        const std::int64_t count = std::min(rowsAtOnce, target.rows - row);
        const Mat block{staging.data, DType::F32, count, target.cols};
        fill(row, count, std::span(onDevice ? host.data() : block.as<float>(), static_cast<std::size_t>(block.elements())));
        if (onDevice)
            kernels::upload(context, block, host.data());
        kernels::convert(context, {target.slice(row, count), block, 1.0});
    }
}

void loadRopeTable(const ModelShape& shape, PlannedMemory& memory, kernels::Context& context)
{
    const Mat table = memory.mat(memory.plan().layout.ropeTable);
    kernels::upload(context, table, kernels::ropeTable(shape, table.rows).data());
}

}  // namespace

std::unique_ptr<formats::ModelSource> openRunnableModel(const std::filesystem::path& path)
{
    std::unique_ptr<formats::ModelSource> source = formats::openModelSource(path);
    requireRunnableFamily(source->shape(), utf8(source->path()));
    if (!source->hasWeights())
        throw Error(ErrorCode::BadInput, utf8(source->path()) + " is a configuration without weights: it can be planned for, not trained",
                    "choose a model folder or a GGUF file");
    if (source->shape().headSize > kernels::kLargestHead)
        throw Error(ErrorCode::BadInput, utf8(source->path()) + " has heads of " + std::to_string(source->shape().headSize)
                                             + " values, attention here takes at most " + std::to_string(kernels::kLargestHead),
                    "choose another model");
    return source;
}

void loadWeights(const formats::ModelSource& source, PlannedMemory& memory, kernels::Context& context, const std::stop_token& stop,
                 const ProgressFn& progress)
{
    const ModelShape& shape = source.shape();
    const plan::Layout& layout = memory.plan().layout;
    const Mat staging = memory.mat(layout.staging);
    const std::vector<ParamId> parameters = formats::parametersOf(shape);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        throwIfStopped(stop);
        const ParamId id = parameters[i];
        const Mat target = asFileRows(memory.mat(bufferOf(layout, id)), shape, id);
        const std::span<std::byte> bytes(target.as<std::byte>(), target.bytes());
        if (target.dtype == DType::F64 || context.device != nullptr || !source.readRaw(id, target.dtype, bytes))
            fillInBlocks(context, target, staging, [&](std::int64_t row, std::int64_t count, std::span<float> block) {
                throwIfStopped(stop);
                source.readRows(id, row, count, block);
            });
        if (progress)
            progress({"loading weights", i + 1, parameters.size(), "tensors"});
    }
    loadRopeTable(shape, memory, context);
}

void fillRandomWeights(const ModelShape& shape, PlannedMemory& memory, kernels::Context& context, std::uint64_t seed)
{
    const plan::Layout& layout = memory.plan().layout;
    const Mat staging = memory.mat(layout.staging);
    std::uint32_t tensor = 0;
    for (const ParamId id : formats::parametersOf(shape)) {
        const Mat target = asFileRows(memory.mat(bufferOf(layout, id)), shape, id);
        const bool isGain = formats::isVector(id.kind) && id.kind != ParamKind::LinearBias;
        const float deviation = 1.0f / std::sqrt(static_cast<float>(target.cols));
        ++tensor;
        fillInBlocks(context, target, staging, [&](std::int64_t row, std::int64_t, std::span<float> block) {
            for (std::size_t i = 0; i < block.size(); ++i) {
                const auto words = philox4x32({static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(i), tensor, 0},
                                              {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
                // Box-Muller from two uniforms, the first kept off zero.
                const float u = (static_cast<float>(words[0] >> 8) + 1.0f) * 0x1p-24f;
                const float angle = 2.0f * std::numbers::pi_v<float> * unitFloat(words[1]);
                block[i] = isGain ? 1.0f : deviation * std::sqrt(-2.0f * std::log(u)) * std::cos(angle);
            }
        });
    }
    loadRopeTable(shape, memory, context);
}

}  // namespace lorikeet::model
