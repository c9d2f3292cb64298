// SPDX-License-Identifier: GPL-3.0-or-later
// Buffers of one decoder block: what a layer of each recompute level keeps, and the scratch that its level makes it share. Internal to the room.
#pragma once

#include "engine/plan/builder.h"

#include <functional>
#include <string>
#include <string_view>

namespace lorikeet::plan {

/// Some of the layers.
using LayerSet = std::function<bool(int)>;

/// Adds the buffers of one block with `rowCount` rows; which of them is decided by the caller.
class BlockMaker {
public:
    BlockMaker(Builder& builder, std::string prefix, Category category, std::string_view termName, std::int64_t rowCount, Lifetime life,
               int layer = -1)
        : b(builder), m_prefix(std::move(prefix)), m_category(category), m_term(termName), m_rows(rowCount), m_life(life), m_layer(layer)
    {
    }

    BufferId make(const char* name, std::int64_t width, DType dtype) const
    {
        return b.add(m_prefix + name, m_category, m_term, dtype, {m_rows, width}, m_life, m_layer);
    }
    BufferId make(const char* name, std::int64_t width) const { return make(name, width, b.plan.layout.compute); }

    /// q, k, v; with `cached` k and v are written straight into the cache.
    void attentionInputs(BlockBuffers& block, bool cached) const;
    void attentionOutputs(BlockBuffers& block, bool logSumExp) const;
    void gates(BlockBuffers& block) const;
    /// S of every adapted map: of `layer`, or with layer -1 of the largest rank among the layers that share it.
    void adapterInputs(BlockBuffers& block, int layer, const LayerSet& sharers) const;

private:
    Builder& b;
    std::string m_prefix;
    Category m_category;
    std::string_view m_term;
    std::int64_t m_rows;
    Lifetime m_life;
    int m_layer;
};

/// What a shared scratch block must offer besides what its layers keep themselves.
struct ScratchNeeds {
    Recompute level = Recompute::WholeBlock;  ///< the highest level of the layers that use it
    bool logSumExp = true;                    ///< attention statistics, needed where a backward pass follows
    bool dropout = false;
    bool cached = false;  ///< keys and values have a cache of their own
    LayerSet sharers = [](int) { return true; };  ///< the layers whose S lie in it
};

/// The buffers of a block (but x and y) that a layer of level `needs.level` does not keep.
[[nodiscard]] BlockBuffers addScratchBlock(Builder& b, const std::string& prefix, std::string_view termName, std::int64_t rows, Lifetime life,
                                           const ScratchNeeds& needs);
/// Makes in `target` what the level keeps; with layer -1 for the largest adapter of the layers that share it.
void addKept(Builder& b, BlockBuffers& target, Recompute level, const std::string& prefix, std::string_view termName, int layer, Lifetime life,
             const LayerSet& sharers = {});
/// The parts of a slot that a layer of `level` keeps.
[[nodiscard]] BlockBuffers keptAt(const ModelShape& shape, Recompute level, const BlockBuffers& slot);
/// Ids of `kept` win over those of `scratch` where both exist.
[[nodiscard]] BlockBuffers merged(const BlockBuffers& kept, BlockBuffers scratch);

}  // namespace lorikeet::plan
