// SPDX-License-Identifier: GPL-3.0-or-later
// What lies in host memory and visits the device: kept activations, frozen layers, rows of the embedding. Two slots on the device take
// turns: one is filled or emptied while the other is in use.
#include "engine/plan/builder.h"
#include "engine/plan/layer_parts.h"

#include <algorithm>
#include <array>

namespace lorikeet::plan {

namespace {

constexpr std::size_t kSlots = 2;

/// ".q_proj.weight" of "layer.3.q_proj.weight"; nothing of a plan without names.
std::string partOf(const std::string& name) { return name.empty() ? name : name.substr(name.find('.', name.find('.') + 1)); }
/// ".q" of "layer.3.q".
std::string lastPartOf(const std::string& name) { return name.empty() ? name : name.substr(name.rfind('.')); }

}  // namespace

void offloadLayers(Builder& b, std::int64_t count)
{
    Layout& layout = b.plan.layout;
    if (count == 0)
        return;
    layout.hostLayers.resize(layout.layers.size());
    const Lifetime visiting{b.phase(Phase::Load).last + 1, b.plan.program.last()};
    std::array<LayerWeights, kSlots> slots;
    for (std::size_t layer = 0; layer < static_cast<std::size_t>(count); ++layer) {
        layout.hostLayers[layer] = layout.layers[layer];
        if (layer < kSlots) {
            // A slot is shaped like the layers it takes: they all are alike.
            slots[layer] = layout.layers[layer];
            forEachWeight(slots[layer], [&](BufferId& id) {
                if (id == kNone)
                    return;
                const Buffer like = b.plan.buffer(id);
                const std::string name = "slot." + std::to_string(layer) + partOf(like.name);
                id = b.add(name, Category::Weights, term::kLayerSlots, like.dtype, like.shape, visiting);
            });
        }
        forEachWeight(layout.hostLayers[layer], [&](BufferId& id) {
            if (id == kNone)
                return;
            b.plan.buffers[static_cast<std::size_t>(id)].space = Space::Host;
            b.plan.buffers[static_cast<std::size_t>(id)].term = term::kHostLayers;
        });
        layout.layers[layer] = slots[layer % kSlots];
    }
}

void offloadEmbedding(Builder& b)
{
    Layout& layout = b.plan.layout;
    Buffer& table = b.plan.buffers[static_cast<std::size_t>(layout.embedding)];
    table.space = Space::Host;
    table.term = term::kHostEmbedding;
    for (Buffer& left : b.plan.buffers)
        if (left.term == term::kTables || left.term == term::kEmbeddingTable)
            left.term = layout.head == kNone ? term::kLastNorm : term::kHeadTable;
    const std::int64_t rows = std::max(layout.slots, layout.sampleContext > 0 ? layout.prefillRows : 0);
    layout.hostRows = b.addHost("host.embedding_rows", term::kHostEmbedding, layout.compute, {rows, b.shape.hidden},
                                {b.phase(Phase::Load).last + 1, b.plan.program.last()});
}

void addHostStaging(Builder& b, bool layers)
{
    Layout& layout = b.plan.layout;
    const auto onHost = [&](BufferId like) {
        const Buffer buffer = b.plan.buffer(like);
        return b.addHost("host." + buffer.name, term::kStaging, buffer.dtype, buffer.shape, {buffer.first, buffer.last});
    };
    layout.hostStaging = onHost(layout.staging);
    if (layers && layout.loadScales != kNone)
        layout.hostLoadScales = onHost(layout.loadScales);
}

BlockBuffers hostTwin(Builder& b, const BlockBuffers& kept, int layer, Lifetime life)
{
    BlockBuffers twin;
    const auto copy = [&](BufferId BlockBuffers::* part) {
        if (kept.*part == kNone)
            return;
        const Buffer like = b.plan.buffer(kept.*part);
        twin.*part = b.addHost("host.layer." + std::to_string(layer) + lastPartOf(like.name), term::kHostKept, like.dtype, like.shape, life, layer);
    };
    for (BufferId BlockBuffers::* part : kKeptParts)
        copy(part);
    for (std::size_t i = 0; i < kept.loraS.size(); ++i) {
        if (kept.loraS[i] == kNone)
            continue;
        // The slot is as wide as the largest adapter that visits it.
        const Layout& layout = b.plan.layout;
        const auto own = static_cast<std::size_t>(layout.layers[static_cast<std::size_t>(layer)].adapters[i]);
        twin.loraS[i] = b.addHost("host.layer." + std::to_string(layer) + ".lora_s." + nameOf(kLinears[i]), term::kHostKept, b.plan.buffer(kept.loraS[i]).dtype,
                                  {layout.slots, layout.trained.adapters[own].rank}, life, layer);
    }
    return twin;
}

}  // namespace lorikeet::plan
