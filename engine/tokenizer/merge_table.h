// SPDX-License-Identifier: GPL-3.0-or-later
// Which two neighbouring tokens merge into which one, and how early: the heart of BPE.
#pragma once

#include "engine/tokenizer/tokenizer.h"

#include <cstdint>
#include <vector>

namespace lorikeet::tokenizer {

constexpr std::uint32_t kNoRank = 0xFFFFFFFFU;

/// A merge: lower ranks go first, the leftmost of equal ranks.
struct Merge {
    std::uint32_t rank = kNoRank;
    TokenId result = -1;
};

/// A token on its way, over bytes [begin, end) of the piece.
struct Symbol {
    TokenId id = 0;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
};

/// Working memory of merging, kept between calls.
struct MergeScratch {
    struct Candidate {
        std::uint64_t key = 0;  ///< rank, then position
        TokenId result = -1;
    };
    struct Link {
        std::uint32_t previous = 0;
        std::uint32_t next = 0;
    };
    std::vector<Merge> merges;
    std::vector<Candidate> heap;
    std::vector<Link> links;
};

class MergeTable {
public:
    /// Room for `count` merges.
    explicit MergeTable(std::size_t count = 0);
    /// A later merge of the same pair replaces the earlier one. At most `count` different pairs.
    void insert(TokenId left, TokenId right, Merge merge);
    [[nodiscard]] Merge find(TokenId left, TokenId right) const noexcept
    {
        const std::uint64_t key = keyOf(left, right);
        for (std::size_t slot = slotOf(key);; slot = (slot + 1) & m_mask) {
            if (m_entries[slot].key == key) {
                return m_entries[slot].merge;
            }
            if (m_entries[slot].key == kFree) {
                return {};
            }
        }
    }
    /// Merges neighbours until nothing merges; `symbols` shrinks in place.
    void mergeAll(std::vector<Symbol>& symbols, MergeScratch& scratch) const;

private:
    static constexpr std::uint64_t kFree = 0xFFFFFFFFFFFFFFFFULL;
    struct Entry {
        std::uint64_t key = kFree;
        Merge merge;
    };
    static std::uint64_t keyOf(TokenId left, TokenId right) noexcept
    {
        return (std::uint64_t{static_cast<std::uint32_t>(left)} << 32U) | static_cast<std::uint32_t>(right);
    }
    [[nodiscard]] std::size_t slotOf(std::uint64_t key) const noexcept
    {
        return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15ULL) >> m_shift);
    }
    void mergeShort(std::vector<Symbol>& symbols, MergeScratch& scratch) const;
    void mergeLong(std::vector<Symbol>& symbols, MergeScratch& scratch) const;
    void consider(const std::vector<Symbol>& symbols, std::uint32_t left, std::uint32_t right,
                  std::vector<MergeScratch::Candidate>& heap) const;

    std::vector<Entry> m_entries;
    std::size_t m_mask = 0;
    unsigned m_shift = 0;
};

}  // namespace lorikeet::tokenizer
