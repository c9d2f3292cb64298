// SPDX-License-Identifier: GPL-3.0-or-later
// Linear probing over token texts.
#include "engine/tokenizer/vocabulary.h"

#include "engine/base/error.h"

#include <bit>
#include <functional>
#include <limits>

namespace lorikeet::tokenizer {
namespace {

[[noreturn]] void refuse(std::string_view where, const std::string& what)
{
    throw Error{ErrorCode::BadInput, std::string(where) + ": " + what, kFetchTokenizer};
}

}  // namespace

Vocabulary::Vocabulary(const std::vector<std::pair<std::string, TokenId>>& tokens, std::string_view where)
    : m_slots(std::bit_ceil(tokens.size() * 2 + 2), TokenId{-1}), m_size(tokens.size())
{
    TokenId largest = -1;
    std::size_t bytes = 0;
    for (const auto& [text, id] : tokens) {
        if (id < 0 || id > kLargestTokenId) {
            refuse(where, "token \"" + text + "\" has id " + std::to_string(id) + ", expected 0 to "
                              + std::to_string(kLargestTokenId));
        }
        largest = std::max(largest, id);
        bytes += text.size();
    }
    if (bytes > std::numeric_limits<std::uint32_t>::max()) {
        refuse(where, "the token texts have more than 4 GiB");
    }
    m_arena.reserve(bytes);
    m_places.resize(static_cast<std::size_t>(largest + 1));
    for (const auto& [text, id] : tokens) {
        Place& place = m_places[static_cast<std::size_t>(id)];
        if (place.used) {
            refuse(where, "tokens \"" + std::string(textOf(id)) + "\" and \"" + text + "\" have the same id " + std::to_string(id));
        }
        TokenId& slot = m_slots[slotOf(text)];
        if (slot >= 0) {
            refuse(where, "token \"" + text + "\" appears with ids " + std::to_string(slot) + " and " + std::to_string(id));
        }
        place = {static_cast<std::uint32_t>(m_arena.size()), static_cast<std::uint32_t>(text.size()), true};
        m_arena.append(text);
        slot = id;
    }
}

std::size_t Vocabulary::slotOf(std::string_view text) const noexcept
{
    const std::size_t mask = m_slots.size() - 1;
    std::size_t slot = std::hash<std::string_view>{}(text) & mask;
    while (m_slots[slot] >= 0 && textOf(m_slots[slot]) != text) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

std::optional<TokenId> Vocabulary::find(std::string_view text) const noexcept
{
    if (m_slots.empty()) {
        return std::nullopt;
    }
    const TokenId id = m_slots[slotOf(text)];
    return id >= 0 ? std::optional<TokenId>(id) : std::nullopt;
}

std::string_view Vocabulary::textOf(TokenId id) const noexcept
{
    if (!has(id)) {
        return {};
    }
    const Place& place = m_places[static_cast<std::size_t>(id)];
    return std::string_view(m_arena).substr(place.begin, place.length);
}

bool Vocabulary::has(TokenId id) const noexcept
{
    return id >= 0 && static_cast<std::size_t>(id) < m_places.size() && m_places[static_cast<std::size_t>(id)].used;
}

}  // namespace lorikeet::tokenizer
