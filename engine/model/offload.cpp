// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/offload.h"

#include "engine/base/check.h"
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

/// The part of a slot that a layer uses: slots are as wide as the largest adapter that visits them.
Mat like(const Mat& twin, const Mat& slot)
{
    LORIKEET_CHECK(slot.bytes() >= twin.bytes() && slot.dtype == twin.dtype, "a slot is smaller than what visits it");
    return {slot.data, twin.dtype, twin.rows, twin.cols};
}

}  // namespace

Offload::Offload(PlannedMemory& memory, kernels::Context& context) : m_memory(memory), m_context(context), m_layout(memory.plan().layout)
{
    m_onHost = m_layout.hostRows != plan::kNone;
    if (m_layout.hostLayers.empty() && m_layout.hostKept.empty())
        return;
    m_lane = kernels::makeCopyLane(context);
    m_lane->pin(memory.hostMemory(), memory.hostBytes());
}

bool Offload::weightsAreOnHost(std::size_t layer) const
{
    return layer < m_layout.hostLayers.size() && plan::isOffloaded(m_layout, layer);
}

bool Offload::keptIsOnHost(std::size_t layer) const { return layer < m_layout.hostKept.size() && m_layout.hostKept[layer].x != plan::kNone; }

void Offload::begin()
{
    if (m_lane)
        m_lane->waitFor(m_lane->mark());
}

void Offload::startWeights(std::size_t layer)
{
    const std::vector<plan::BufferId> from = weightsOf(m_layout.hostLayers[layer]);
    const std::vector<plan::BufferId> to = weightsOf(m_layout.layers[layer]);
    m_lane->follow();
    for (std::size_t i = 0; i < from.size(); ++i)
        if (from[i] != plan::kNone)
            m_lane->toDevice(m_memory.mat(to[i]), m_memory.mat(from[i]).data);
    m_weightsOf[layer % 2] = layer;
    m_weightsHere[layer % 2] = m_lane->mark();
}

void Offload::bringWeights(std::size_t layer, std::size_t next)
{
    if (weightsAreOnHost(layer)) {
        if (m_weightsOf[layer % 2] != layer)
            startWeights(layer);
        m_lane->waitFor(m_weightsHere[layer % 2]);
    }
    // The slot of a neighbour is never the one in use.
    if (weightsAreOnHost(next) && m_weightsOf[next % 2] != next)
        startWeights(next);
}

void Offload::makeRoom(std::size_t layer)
{
    // Two layers before, this slot went out, and with it the input that this layer's output takes the place of.
    if (layer >= 2 && keptIsOnHost(layer - 2))
        m_lane->waitFor(m_stashed[layer % 2]);
}

void Offload::stash(std::size_t layer, std::int64_t rows)
{
    if (!keptIsOnHost(layer))
        return;
    const std::vector<plan::BufferId> to = keptOf(m_layout.hostKept[layer]);
    const std::vector<plan::BufferId> from = keptOf(m_layout.forward[layer]);
    m_lane->follow();
    for (std::size_t i = 0; i < to.size(); ++i)
        if (to[i] != plan::kNone) {
            const Mat twin = m_memory.mat(to[i], rows);
            m_lane->toHost(twin.data, like(twin, m_memory.mat(from[i])));
        }
    m_stashed[layer % 2] = m_lane->mark();
}

void Offload::startFetch(std::size_t layer, std::int64_t rows)
{
    const std::vector<plan::BufferId> from = keptOf(m_layout.hostKept[layer]);
    const std::vector<plan::BufferId> to = keptOf(m_layout.backward[layer]);
    m_lane->follow();
    for (std::size_t i = 0; i < from.size(); ++i)
        if (from[i] != plan::kNone) {
            const Mat twin = m_memory.mat(from[i], rows);
            m_lane->toDevice(like(twin, m_memory.mat(to[i])), twin.data);
        }
    m_fetched[layer % 2] = m_lane->mark();
}

void Offload::fetch(std::size_t layer, std::int64_t rows)
{
    if (keptIsOnHost(layer))
        m_lane->waitFor(m_fetched[layer % 2]);
    // The slot below is free: the layer above, which had it, has been through backward. The last layer's neighbour is still there.
    if (layer > 0 && keptIsOnHost(layer - 1))
        startFetch(layer - 1, rows);
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
