// SPDX-License-Identifier: GPL-3.0-or-later
// Keys of recipe.rank_pattern and recipe.alpha_pattern: a regular expression for the end of a module path, matched as PEFT does
// (peft.utils.other.get_pattern_key: `(.*\.)?(KEY)$`) by position sets, so that no pattern can take exponential time.
#pragma once

#include "engine/spec/model_shape.h"

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet {

/// What a pattern is matched against: "model.layers.3.self_attn.q_proj".
[[nodiscard]] std::string modulePathOf(std::int64_t layer, Linear linear);

/// A compiled pattern. The subset of Python's `re`: literals, `.`, `\.` and other escaped punctuation, `\d \w \s` and their
/// opposites, `[a-z]` and `[^a-z]`, groups `( )` and `(?: )`, `|`, `* + ? {m} {m,n}` (and their lazy forms), `^` and `$`.
class ModulePattern {
public:
    /// @throws Error{Usage} naming what is malformed or outside the subset, with its column.
    explicit ModulePattern(std::string_view text);

    /// Whether the pattern matches all of `modulePath` or everything after one of its dots.
    /// `modulePath` is shorter than 256 characters, else nothing matches.
    [[nodiscard]] bool matchesEndOf(std::string_view modulePath) const;

private:
    friend class ModulePatternParser;

    /// Positions 0..255 of a path.
    struct Positions {
        std::array<std::uint64_t, 4> words{};

        [[nodiscard]] static constexpr std::size_t capacity() noexcept { return 256; }
        [[nodiscard]] bool test(std::size_t at) const noexcept { return (words[at / 64] >> (at % 64) & 1) != 0; }
        void set(std::size_t at) noexcept { words[at / 64] |= std::uint64_t{1} << (at % 64); }
        [[nodiscard]] bool any() const noexcept;
        void add(const Positions& other) noexcept;
        void remove(const Positions& other) noexcept;
    };

    enum class Kind : std::uint8_t { Character, Start, End, Sequence, Either, Repeat };
    struct Node {
        Kind kind = Kind::Sequence;
        std::bitset<128> characters;  ///< Character: what it accepts
        std::vector<int> children;    ///< Sequence, Either; Repeat has one
        int minimum = 0;
        int maximum = 0;
        int repeatDepth = 0;  ///< repeats inside each other, itself included
    };

    void compile(std::string_view text);
    [[nodiscard]] bool matchesPlainEnd(std::string_view modulePath) const noexcept;
    [[nodiscard]] Positions run(int node, std::string_view path, const Positions& from) const;
    [[nodiscard]] static Positions runCharacter(const Node& node, std::string_view path, const Positions& from);
    [[nodiscard]] Positions runRepeat(const Node& node, std::string_view path, const Positions& from) const;

    std::string m_plain;  ///< a pattern of letters, digits and dots: '\0' accepts any character
    bool m_isPlain = false;
    std::vector<Node> m_nodes;
    int m_root = -1;
};

}  // namespace lorikeet
