// SPDX-License-Identifier: GPL-3.0-or-later
// Walks over the buffers of one layer.
#pragma once

#include "engine/plan/layout.h"

namespace lorikeet::plan {

/// Calls visit(id) for every buffer id of a layer's weights, kNone included, always in the same order. `Layer` is LayerWeights or const.
template <typename Layer, typename Visit>
void forEachWeight(Layer& w, const Visit& visit)
{
    for (auto* id : {&w.normIn, &w.normMid, &w.qNorm, &w.kNorm})
        visit(*id);
    for (auto& linear : w.linears)
        for (auto* id : {&linear.weight, &linear.bias, &linear.codes, &linear.scales, &linear.nestedScales, &linear.nestedOffset})
            visit(*id);
}

/// True where the layer's frozen weights lie on the host. Its norms may be trained, its matrices never are.
[[nodiscard]] inline bool isOffloaded(const Layout& layout, std::size_t layer)
{
    if (layout.hostLayers.empty())
        return false;
    const LinearWeights& first = layout.hostLayers[layer].linears.front();
    return first.weight != kNone || first.codes != kNone;
}

/// Calls visit(id) for every part of a block that may be kept, kNone included, always in the same order.
template <typename Visit>
void forEachKept(const BlockBuffers& block, const Visit& visit)
{
    for (BufferId BlockBuffers::* part : kKeptParts)
        visit(block.*part);
    for (const BufferId id : block.loraS)
        visit(id);
}

}  // namespace lorikeet::plan
