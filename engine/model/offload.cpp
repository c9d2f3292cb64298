// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/offload.h"

#include "engine/kernels/elementwise.h"
#include "engine/kernels/op_table.h"
#include "engine/kernels/rows.h"
#include "engine/plan/layer_parts.h"

#include <vector>

namespace lorikeet::model {

namespace {

/// Ids of a layer's parts in the order of the walk; the same order on host and device.
std::vector<plan::BufferId> weightsOf(const plan::LayerWeights& layer)
{
    std::vector<plan::BufferId> ids;
    plan::forEachWeight(layer, [&](plan::BufferId id) { ids.push_back(id); });
    return ids;
}

std::vector<plan::BufferId> keptOf(const plan::BlockBuffers& block)
{
    std::vector<plan::BufferId> ids;
    plan::forEachKept(block, [&](plan::BufferId id) { ids.push_back(id); });
    return ids;
}

}  // namespace

Offload::Offload(PlannedMemory& memory, kernels::Context& context) : m_memory(memory), m_context(context), m_layout(memory.plan().layout)
{
    m_onHost = m_layout.hostRows != plan::kNone;
}

void Offload::bringWeights(std::size_t layer)
{
    if (m_layout.hostLayers.empty() || m_layout.hostLayers[layer].normIn == plan::kNone)
        return;
    std::size_t& holder = m_weightsOf[layer % 2];
    if (holder == layer)
        return;
    const std::vector<plan::BufferId> from = weightsOf(m_layout.hostLayers[layer]);
    const std::vector<plan::BufferId> to = weightsOf(m_layout.layers[layer]);
    for (std::size_t i = 0; i < from.size(); ++i)
        if (from[i] != plan::kNone)
            kernels::upload(m_context, m_memory.mat(to[i]), m_memory.mat(from[i]).data);
    holder = layer;
}

void Offload::stash(std::size_t layer, std::int64_t rows)
{
    if (m_layout.hostKept.empty())
        return;
    const std::vector<plan::BufferId> to = keptOf(m_layout.hostKept[layer]);
    const std::vector<plan::BufferId> from = keptOf(m_layout.forward[layer]);
    for (std::size_t i = 0; i < to.size(); ++i)
        if (to[i] != plan::kNone)
            kernels::download(m_context, m_memory.mat(to[i], rows).data, m_memory.mat(from[i], rows));
    m_keptOf[layer % 2] = layer;
    // The output of this layer lies in the x of the other slot.
    m_keptOf[1 - layer % 2] = kNobody;
}

void Offload::fetch(std::size_t layer, std::int64_t rows)
{
    if (m_layout.hostKept.empty() || m_keptOf[layer % 2] == layer)
        return;
    const std::vector<plan::BufferId> from = keptOf(m_layout.hostKept[layer]);
    const std::vector<plan::BufferId> to = keptOf(m_layout.backward[layer]);
    for (std::size_t i = 0; i < from.size(); ++i)
        if (from[i] != plan::kNone)
            kernels::upload(m_context, m_memory.mat(to[i], rows), m_memory.mat(from[i], rows).data);
    m_keptOf[layer % 2] = layer;
}

void Offload::embed(const Mat& x, std::span<const std::int32_t> tokens)
{
    kernels::Context cpu;
    cpu.ops = &kernels::cpuOps();
    const auto count = static_cast<std::int64_t>(tokens.size());
    const Mat rows = m_memory.mat(m_layout.hostRows, count);
    const Mat ids{const_cast<std::int32_t*>(tokens.data()), DType::I32, 1, count};
    kernels::embed(cpu, {rows, m_memory.mat(m_layout.embedding), ids});
    kernels::upload(m_context, x.head(count), rows.data);
}

}  // namespace lorikeet::model
