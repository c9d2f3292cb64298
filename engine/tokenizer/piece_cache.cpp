// SPDX-License-Identifier: GPL-3.0-or-later
// Linear probing, three quarters full at most.
#include "engine/tokenizer/piece_cache.h"

#include <functional>

namespace lorikeet::tokenizer {

PieceCache::PieceCache() : m_slots(kSlots) {}

std::size_t PieceCache::hashOf(std::string_view piece) noexcept
{
    return std::hash<std::string_view>{}(piece);
}

std::span<const Symbol> PieceCache::find(std::string_view piece, std::size_t hash, bool& found) const noexcept
{
    for (std::size_t i = hash % kSlots; m_slots[i].length != 0; i = (i + 1) % kSlots) {
        const Slot& slot = m_slots[i];
        if (slot.hash == hash && std::string_view(m_texts).substr(slot.text, slot.length) == piece) {
            found = true;
            return std::span(m_tokens).subspan(slot.first, slot.count);
        }
    }
    found = false;
    return {};
}

void PieceCache::insert(std::string_view piece, std::size_t hash, std::span<const Symbol> tokens)
{
    if (piece.empty() || piece.size() > kLongestPiece || tokens.size() > 2 * kLongestPiece) {
        return;
    }
    if (m_used >= kSlots / 4 * 3) {
        m_slots.assign(kSlots, Slot{});
        m_texts.clear();
        m_tokens.clear();
        m_used = 0;
    }
    std::size_t i = hash % kSlots;
    while (m_slots[i].length != 0) {
        i = (i + 1) % kSlots;
    }
    m_slots[i] = {hash, static_cast<std::uint32_t>(m_texts.size()), static_cast<std::uint32_t>(m_tokens.size()),
                  static_cast<std::uint16_t>(tokens.size()), static_cast<std::uint8_t>(piece.size())};
    m_texts.append(piece);
    m_tokens.insert(m_tokens.end(), tokens.begin(), tokens.end());
    ++m_used;
}

}  // namespace lorikeet::tokenizer
