// SPDX-License-Identifier: GPL-3.0-or-later
// Two ways to the same result: rescanning for short pieces, a heap with stale entries for long ones.
#include "engine/tokenizer/merge_table.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace lorikeet::tokenizer {
namespace {

/// Up to here a rescan of all pairs is faster than a heap.
constexpr std::size_t kShortPiece = 32;

constexpr std::uint32_t kNoSymbol = std::numeric_limits<std::uint32_t>::max();

bool later(const MergeScratch::Candidate& a, const MergeScratch::Candidate& b) noexcept
{
    return a.key > b.key;
}

}  // namespace

MergeTable::MergeTable(std::size_t count)
    : m_entries(std::bit_ceil(count * 2 + 2)), m_mask(m_entries.size() - 1),
      m_shift(64U - static_cast<unsigned>(std::countr_zero(m_entries.size())))
{
}

void MergeTable::insert(TokenId left, TokenId right, Merge merge)
{
    const std::uint64_t key = keyOf(left, right);
    std::size_t slot = slotOf(key);
    while (m_entries[slot].key != kFree && m_entries[slot].key != key) {
        slot = (slot + 1) & m_mask;
    }
    m_entries[slot] = {key, merge};
}

void MergeTable::mergeAll(std::vector<Symbol>& symbols, MergeScratch& scratch) const
{
    if (symbols.size() <= kShortPiece) {
        mergeShort(symbols, scratch);
    } else {
        mergeLong(symbols, scratch);
    }
}

void MergeTable::mergeShort(std::vector<Symbol>& symbols, MergeScratch& scratch) const
{
    std::size_t count = symbols.size();
    auto& merges = scratch.merges;  // merges[i] joins symbols i and i + 1
    merges.resize(count);
    for (std::size_t i = 0; i + 1 < count; ++i) {
        merges[i] = find(symbols[i].id, symbols[i + 1].id);
    }
    while (count > 1) {
        std::size_t best = 0;
        for (std::size_t i = 1; i + 1 < count; ++i) {
            if (merges[i].rank < merges[best].rank) {
                best = i;
            }
        }
        if (merges[best].rank == kNoRank) {
            break;
        }
        symbols[best].id = merges[best].result;
        symbols[best].end = symbols[best + 1].end;
        for (std::size_t i = best + 1; i + 1 < count; ++i) {
            symbols[i] = symbols[i + 1];
            merges[i] = merges[i + 1];
        }
        --count;
        if (best > 0) {
            merges[best - 1] = find(symbols[best - 1].id, symbols[best].id);
        }
        merges[best] = best + 1 < count ? find(symbols[best].id, symbols[best + 1].id) : Merge{};
    }
    symbols.resize(count);
}

void MergeTable::consider(const std::vector<Symbol>& symbols, std::uint32_t left, std::uint32_t right,
                          std::vector<MergeScratch::Candidate>& heap) const
{
    const Merge merge = find(symbols[left].id, symbols[right].id);
    if (merge.rank != kNoRank) {
        heap.push_back({(std::uint64_t{merge.rank} << 32U) | left, merge.result});
        std::push_heap(heap.begin(), heap.end(), later);
    }
}

void MergeTable::mergeLong(std::vector<Symbol>& symbols, MergeScratch& scratch) const
{
    const auto count = static_cast<std::uint32_t>(symbols.size());
    auto& heap = scratch.heap;
    auto& links = scratch.links;
    heap.clear();
    links.resize(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        links[i] = {i == 0 ? kNoSymbol : i - 1, i + 1 == count ? kNoSymbol : i + 1};
        if (i + 1 < count) {
            consider(symbols, i, i + 1, heap);
        }
    }
    while (!heap.empty()) {
        std::pop_heap(heap.begin(), heap.end(), later);
        const MergeScratch::Candidate top = heap.back();
        heap.pop_back();
        const auto left = static_cast<std::uint32_t>(top.key);
        const std::uint32_t right = links[left].next;
        if (symbols[left].id < 0 || right == kNoSymbol || find(symbols[left].id, symbols[right].id).result != top.result) {
            continue;  // one of the two has changed since
        }
        symbols[left].id = top.result;
        symbols[left].end = symbols[right].end;
        symbols[right].id = -1;
        links[left].next = links[right].next;
        if (links[left].next != kNoSymbol) {
            links[links[left].next].previous = left;
            consider(symbols, left, links[left].next, heap);
        }
        if (links[left].previous != kNoSymbol) {
            consider(symbols, links[left].previous, left, heap);
        }
    }
    std::erase_if(symbols, [](const Symbol& symbol) { return symbol.id < 0; });
}

}  // namespace lorikeet::tokenizer
