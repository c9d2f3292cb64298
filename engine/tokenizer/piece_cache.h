// SPDX-License-Identifier: GPL-3.0-or-later
// Tokens of pieces seen before: words repeat, merging them again is the slow part.
#pragma once

#include "engine/tokenizer/merge_table.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet::tokenizer {

/// A cache for one thread at a time. When it is full it forgets everything.
class PieceCache {
public:
    /// Longer pieces are not kept.
    static constexpr std::size_t kLongestPiece = 48;

    PieceCache();
    /// The tokens of a piece, or nullptr-like empty span with `found` false.
    [[nodiscard]] std::span<const Symbol> find(std::string_view piece, std::size_t hash, bool& found) const noexcept;
    void insert(std::string_view piece, std::size_t hash, std::span<const Symbol> tokens);
    [[nodiscard]] static std::size_t hashOf(std::string_view piece) noexcept;

private:
    static constexpr std::size_t kSlots = std::size_t{1} << 16U;
    struct Slot {
        std::uint64_t hash = 0;
        std::uint32_t text = 0;
        std::uint32_t first = 0;
        std::uint16_t count = 0;
        std::uint8_t length = 0;  ///< 0: free
    };
    std::vector<Slot> m_slots;
    std::string m_texts;
    std::vector<Symbol> m_tokens;
    std::size_t m_used = 0;
};

/// What one encode() call works with; reused by later calls.
struct EncodeScratch {
    PieceCache cache;
    MergeScratch merge;
    std::vector<Symbol> symbols;
};

}  // namespace lorikeet::tokenizer
