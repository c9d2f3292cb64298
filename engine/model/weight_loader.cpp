// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/weight_loader.h"

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/philox.h"
#include "engine/formats/parameters.h"
#include "engine/kernels/attention.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/op_table.h"
#include "engine/kernels/rope.h"
#include "engine/model/quantised_weights.h"
#include "engine/plan/layer_parts.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <map>
#include <vector>

namespace lorikeet::model {

namespace {

/// Planned places of the parameters: the ids of the frozen ones, and parts of the masters for the trained ones.
class Places {
public:
    Places(const ModelShape& shape, PlannedMemory& memory, kernels::Context& context)
        : m_shape(shape), m_memory(memory), m_masters(memory.mat(memory.plan().layout.master))
    {
        const plan::Layout& layout = memory.plan().layout;
        m_host.ops = &kernels::cpuOps();
        m_device = {&context, memory.mat(layout.staging), memory.mat(layout.loadScales)};
        m_onHost = {&m_host, memory.mat(layout.hostStaging), memory.mat(layout.hostLoadScales)};
        for (const plan::ParameterSlot& slot : memory.plan().layout.trained.parameters)
            m_trained.emplace(slot.id, &slot);
    }

    /// Between trained parameters lies padding, which the optimizer passes over too.
    void clear(kernels::Context& context) const
    {
        if (!m_trained.empty())
            kernels::fillZero(context, m_masters);
    }
    /// False where the head is the embedding table.
    [[nodiscard]] bool hasOwnHead() const
    {
        const plan::Layout& layout = m_memory.plan().layout;
        return layout.head != layout.embedding || m_trained.contains(formats::headId());
    }
    /// Device or host: where the parameter lies.
    [[nodiscard]] const LoadRoom& roomOf(ParamId id) const
    {
        if (m_trained.contains(id))
            return m_device;
        const plan::BufferId buffer = id.kind == ParamKind::LinearWeight && linearOf(id).weight == plan::kNone ? linearOf(id).codes : idOf(id);
        return m_memory.plan().buffer(buffer).space == plan::Space::Host ? m_onHost : m_device;
    }
    [[nodiscard]] Mat matOf(ParamId id)
    {
        if (const auto found = m_trained.find(id); found != m_trained.end())
            return m_masters.part(found->second->offset, found->second->rows, found->second->cols);
        return m_memory.mat(idOf(id));
    }
    /// Buffers of a quantised weight; kind None where this is none.
    [[nodiscard]] kernels::QuantMat quantisedOf(ParamId id)
    {
        if (id.kind != ParamKind::LinearWeight || m_memory.plan().layout.quantization == Quantization::None)
            return {};
        return quantisedMat(m_memory, linearOf(id), id.linear, m_shape);
    }

private:
    /// The buffers of an offloaded layer on the host, of another one on the device.
    [[nodiscard]] const plan::LayerWeights& layerOf(ParamId id) const
    {
        const plan::Layout& layout = m_memory.plan().layout;
        const auto layer = static_cast<std::size_t>(id.layer);
        return plan::isOffloaded(layout, layer) ? layout.hostLayers[layer] : layout.layers[layer];
    }
    [[nodiscard]] const plan::LinearWeights& linearOf(ParamId id) const { return layerOf(id).linears[static_cast<std::size_t>(id.linear)]; }
    [[nodiscard]] plan::BufferId idOf(ParamId id) const
    {
        const plan::Layout& layout = m_memory.plan().layout;
        switch (id.kind) {
        case ParamKind::Embedding: return layout.embedding;
        case ParamKind::FinalNorm: return layout.finalNorm;
        case ParamKind::Head: return layout.head;
        case ParamKind::LayerNormIn:
        case ParamKind::NormAfterAttention: return layerOf(id).normIn;
        case ParamKind::LayerNormMid:
        case ParamKind::NormAfterMlp: return layerOf(id).normMid;
        case ParamKind::QNorm: return layerOf(id).qNorm;
        case ParamKind::KNorm: return layerOf(id).kNorm;
        case ParamKind::LinearWeight: return linearOf(id).weight;
        case ParamKind::LinearBias: return linearOf(id).bias;
        }
        return plan::kNone;
    }

    const ModelShape& m_shape;
    PlannedMemory& m_memory;
    Mat m_masters;
    kernels::Context m_host;
    LoadRoom m_device;
    LoadRoom m_onHost;
    std::map<ParamId, const plan::ParameterSlot*> m_trained;
};

/// A planned parameter seen as the file's rows and columns: vectors are planned as one row, stored as one column.
Mat asFileRows(const Mat& mat, const ModelShape& shape, ParamId id)
{
    const auto [rows, columns] = formats::shapeOf(id, shape);
    LORIKEET_CHECK(mat.elements() == rows * columns, "planned " + kernels::describe(mat) + " for " + formats::hfNameOf(id));
    return mat.reshaped(rows, columns);
}

/// Calls fill(firstRow, count, span) for blocks that fit the staging buffer and converts each into `target`. On a GPU the block is
/// filled on the host and copied into the staging buffer.
void fillInBlocks(const LoadRoom& room, const Mat& target, const ReadRows& fill)
{
    kernels::Context& context = *room.context;
    const Mat& staging = room.staging;
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

/// A tied head lies in the file as the embedding table.
ParamId storedAs(ParamId id, const ModelShape& shape) { return id.kind == ParamKind::Head && shape.tiedHead ? formats::embeddingId() : id; }

/// Straight from the file into its place, where both agree on the type.
bool readWhole(const formats::ModelSource& source, ParamId id, const Mat& target)
{
    return target.dtype != DType::F64 && source.readRaw(id, target.dtype, {target.as<std::byte>(), target.bytes()});
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
                 const ProgressFn& progress, const ReplaceRows& replace)
{
    const ModelShape& shape = source.shape();
    Places places(shape, memory, context);
    places.clear(context);
    std::vector<ParamId> parameters = formats::parametersOf(shape);
    if (shape.tiedHead && places.hasOwnHead())
        parameters.push_back(formats::headId());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        throwIfStopped(stop);
        const ParamId id = parameters[i];
        const ParamId inFile = storedAs(id, shape);
        const ReadRows read = [&](std::int64_t row, std::int64_t count, std::span<float> block) {
            throwIfStopped(stop);
            source.readRows(inFile, row, count, block);
        };
        const ReadRows other = replace ? replace(id, read) : ReadRows{};
        const ReadRows& rows = other ? other : read;
        if (const kernels::QuantMat matrix = places.quantisedOf(id)) {
            if (other || !copyQuantised(*places.roomOf(id).context, matrix, source, id))
                fillQuantised(places.roomOf(id), matrix, rows);
        } else if (const Mat target = asFileRows(places.matOf(id), shape, id); other || places.roomOf(id).context->device != nullptr || !readWhole(source, inFile, target))
            fillInBlocks(places.roomOf(id), target, rows);
        if (progress)
            progress({"loading weights", i + 1, parameters.size(), "tensors"});
    }
    loadRopeTable(shape, memory, context);
}

void fillParameters(const formats::ReadParameter& read, const ModelShape& shape, PlannedMemory& memory, kernels::Context& context)
{
    Places places(shape, memory, context);
    for (const plan::ParameterSlot& slot : memory.plan().layout.trained.parameters)
        fillInBlocks(places.roomOf(slot.id), asFileRows(places.matOf(slot.id), shape, slot.id),
                     [&](std::int64_t row, std::int64_t count, std::span<float> block) { read(slot.id, row, count, block); });
}

void fillRandomWeights(const ModelShape& shape, PlannedMemory& memory, kernels::Context& context, std::uint64_t seed)
{
    Places places(shape, memory, context);
    places.clear(context);
    std::uint32_t tensor = 0;
    for (const ParamId id : formats::parametersOf(shape)) {
        const bool isGain = formats::isVector(id.kind) && id.kind != ParamKind::LinearBias;
        const float deviation = 1.0f / std::sqrt(static_cast<float>(formats::shapeOf(id, shape)[1]));
        ++tensor;
        const ReadRows fill = [&](std::int64_t row, std::int64_t, std::span<float> block) {
            for (std::size_t i = 0; i < block.size(); ++i) {
                const auto words = philox4x32({static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(i), tensor, 0},
                                              {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
                // Box-Muller from two uniforms, the first kept off zero.
                const float u = (static_cast<float>(words[0] >> 8) + 1.0f) * 0x1p-24f;
                const float angle = 2.0f * std::numbers::pi_v<float> * unitFloat(words[1]);
                block[i] = isGain ? 1.0f : deviation * std::sqrt(-2.0f * std::log(u)) * std::cos(angle);
            }
        };
        if (const kernels::QuantMat matrix = places.quantisedOf(id))
            fillQuantised(places.roomOf(id), matrix, fill);
        else
            fillInBlocks(places.roomOf(id), asFileRows(places.matOf(id), shape, id), fill);
    }
    loadRopeTable(shape, memory, context);
}

}  // namespace lorikeet::model
