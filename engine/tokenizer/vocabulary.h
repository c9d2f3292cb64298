// SPDX-License-Identifier: GPL-3.0-or-later
// Token texts by id and ids by text: one arena and one open-addressing table.
#pragma once

#include "engine/tokenizer/tokenizer.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorikeet::tokenizer {

/// Ids above this are refused: no tokenizer has them, and tables by id must not be blown up by a hostile file.
constexpr TokenId kLargestTokenId = (TokenId{1} << 24) - 1;

class Vocabulary {
public:
    Vocabulary() = default;
    /// @throws Error{BadInput} when an id is out of range or two tokens have the same id or text. `where` names file and field.
    Vocabulary(const std::vector<std::pair<std::string, TokenId>>& tokens, std::string_view where);

    [[nodiscard]] std::optional<TokenId> find(std::string_view text) const noexcept;
    /// The text of an id; empty for a hole or an id out of range (see has()).
    [[nodiscard]] std::string_view textOf(TokenId id) const noexcept;
    [[nodiscard]] bool has(TokenId id) const noexcept;
    /// Number of tokens.
    [[nodiscard]] std::size_t size() const noexcept { return m_size; }
    /// Largest id + 1.
    [[nodiscard]] std::size_t idLimit() const noexcept { return m_places.size(); }

private:
    struct Place {
        std::uint32_t begin = 0;
        std::uint32_t length = 0;
        bool used = false;
    };
    [[nodiscard]] std::size_t slotOf(std::string_view text) const noexcept;

    std::string m_arena;
    std::vector<Place> m_places;          ///< by id
    std::vector<TokenId> m_slots;         ///< -1 is free; a power of two of them
    std::size_t m_size = 0;
};

}  // namespace lorikeet::tokenizer
