// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/plan/block_maker.h"

#include <algorithm>

namespace lorikeet::plan {

namespace {

/// The widest input of an adapted map: that of dropout.
std::int64_t widestAdapterInput(const Trained& trained)
{
    std::int64_t widest = 0;
    for (const AdapterSlot& slot : trained.adapters)
        widest = std::max(widest, slot.in);
    return widest;
}

}  // namespace

void BlockMaker::attentionInputs(BlockBuffers& block, bool cached) const
{
    const ModelShape& s = b.shape;
    if (s.qkNorm) {
        block.qPre = make("q_pre", s.queryWidth());
        block.kPre = make("k_pre", s.kvWidth());
    }
    block.q = make("q", s.queryWidth());
    if (cached)
        return;
    block.k = make("k", s.kvWidth());
    block.v = make("v", s.kvWidth());
}

void BlockMaker::attentionOutputs(BlockBuffers& block, bool logSumExp) const
{
    block.attn = make("attention", b.shape.queryWidth());
    if (!logSumExp)
        return;
    // The reference path of the tests runs in fp64 throughout.
    block.lse = make("lse", b.shape.heads, b.plan.layout.compute == DType::F64 ? DType::F64 : DType::F32);
}

void BlockMaker::gates(BlockBuffers& block) const
{
    block.gate = make("gate", b.shape.mlp);
    block.up = make("up", b.shape.mlp);
}

void BlockMaker::adapterInputs(BlockBuffers& block, int layer, const LayerSet& sharers) const
{
    for (const Linear linear : kLinears) {
        const std::vector<AdapterSlot>& slots = b.plan.layout.trained.adapters;
        std::int64_t rank = 0;
        if (layer >= 0) {
            const std::int32_t own = b.plan.layout.layers[static_cast<std::size_t>(layer)].adapters[static_cast<std::size_t>(linear)];
            rank = own < 0 ? 0 : slots[static_cast<std::size_t>(own)].rank;
        } else {
            for (const AdapterSlot& slot : slots)
                if (slot.linear == linear && sharers(slot.layer))
                    rank = std::max(rank, slot.rank);
        }
        if (rank > 0)
            block.loraS[static_cast<std::size_t>(linear)]
                = make((std::string("lora_s.") + nameOf(linear)).c_str(), rank);
    }
}

BlockBuffers addScratchBlock(Builder& b, const std::string& prefix, std::string_view termName, std::int64_t rows, Lifetime life,
                             const ScratchNeeds& needs)
{
    const BlockMaker maker(b, prefix, Category::Buffers, termName, rows, life);
    BlockBuffers block;
    // Norms behind the branches are kept at the cheap level, and backward needs both at once.
    if (needs.level >= (b.shape.normAfter ? Recompute::AttentionKept : Recompute::Cheap)) {
        block.norm1 = maker.make("norm", b.shape.hidden);
        block.norm2 = b.shape.normAfter && needs.logSumExp ? maker.make("norm2", b.shape.hidden) : block.norm1;
    }
    if (needs.level >= Recompute::Cheap)
        block.product = maker.make("product", b.shape.mlp);
    if (needs.level >= Recompute::AttentionKept) {
        maker.attentionInputs(block, needs.cached);
        maker.gates(block);
        maker.adapterInputs(block, -1, needs.sharers);
    }
    if (needs.level >= Recompute::WholeBlock) {
        maker.attentionOutputs(block, needs.logSumExp);
        block.mid = maker.make("mid", b.shape.hidden);
    }
    if (needs.dropout)
        block.dropped = maker.make("dropped", widestAdapterInput(b.plan.layout.trained));
    return block;
}

void addKept(Builder& b, BlockBuffers& target, Recompute level, const std::string& prefix, std::string_view termName, int layer, Lifetime life,
             const LayerSet& sharers)
{
    const BlockMaker maker(b, prefix, Category::Activations, termName, b.plan.layout.slots, life, layer);
    if (level == Recompute::WholeBlock)
        return;
    maker.attentionOutputs(target, true);
    target.mid = maker.make("mid", b.shape.hidden);
    if (level == Recompute::AttentionKept)
        return;
    maker.attentionInputs(target, false);
    maker.gates(target);
    for (auto& id : target.loraS)
        id = kNone;
    maker.adapterInputs(target, layer, sharers);
    if (level == Recompute::KeepAll || b.shape.normAfter) {
        target.norm1 = maker.make("norm1", b.shape.hidden);
        target.norm2 = maker.make("norm2", b.shape.hidden);
    }
    if (level == Recompute::KeepAll)
        target.product = maker.make("product", b.shape.mlp);
}

BlockBuffers keptAt(const ModelShape& shape, Recompute level, const BlockBuffers& slot)
{
    BlockBuffers kept;
    if (level == Recompute::WholeBlock)
        return kept;
    kept.attn = slot.attn;
    kept.lse = slot.lse;
    kept.mid = slot.mid;
    if (level == Recompute::AttentionKept)
        return kept;
    kept.qPre = slot.qPre;
    kept.kPre = slot.kPre;
    kept.q = slot.q;
    kept.k = slot.k;
    kept.v = slot.v;
    kept.gate = slot.gate;
    kept.up = slot.up;
    kept.loraS = slot.loraS;
    if (level == Recompute::KeepAll || shape.normAfter) {
        kept.norm1 = slot.norm1;
        kept.norm2 = slot.norm2;
    }
    if (level == Recompute::KeepAll)
        kept.product = slot.product;
    return kept;
}

BlockBuffers merged(const BlockBuffers& kept, BlockBuffers scratch)
{
    const auto take = [](BufferId& into, BufferId from) {
        if (from != kNone)
            into = from;
    };
    take(scratch.norm1, kept.norm1);
    take(scratch.qPre, kept.qPre);
    take(scratch.kPre, kept.kPre);
    take(scratch.q, kept.q);
    take(scratch.k, kept.k);
    take(scratch.v, kept.v);
    take(scratch.attn, kept.attn);
    take(scratch.lse, kept.lse);
    take(scratch.mid, kept.mid);
    take(scratch.norm2, kept.norm2);
    take(scratch.gate, kept.gate);
    take(scratch.up, kept.up);
    take(scratch.product, kept.product);
    for (std::size_t i = 0; i < kLinears.size(); ++i)
        take(scratch.loraS[i], kept.loraS[i]);
    return scratch;
}

}  // namespace lorikeet::plan
