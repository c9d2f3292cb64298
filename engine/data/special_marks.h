// SPDX-License-Identifier: GPL-3.0-or-later
// Finds special tokens that a message only spells ("what does <|im_end|> mean?") behind a chat template: they are marked before
// rendering with a character no text contains, and found again in the rendered text.
#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet::data {

/// U+10FFFE, a noncharacter: Unicode keeps it out of interchanged text.
inline constexpr std::string_view kSpecialMark = "\U0010FFFE";

/// True when a string value of `messages`, other than roles, contains one of `specials`.
[[nodiscard]] bool spellsSpecial(const nlohmann::ordered_json& messages, const std::vector<std::string>& specials);
/// True when a string value anywhere contains the mark itself.
[[nodiscard]] bool containsMark(const nlohmann::ordered_json& messages);

/// Puts the mark in front of every spelt special token, and inside it, so that neither the template nor its end-of-turn
/// search takes it for one.
void markSpecials(nlohmann::ordered_json& messages, const std::vector<std::string>& specials);

/// Removes the marks again; the returned offsets (ascending) are where in the cleaned `text` each mark stood. `offsets`, positions in
/// the marked text in ascending order, are moved along.
[[nodiscard]] std::vector<std::size_t> removeMarks(std::string& text, const std::vector<std::size_t*>& offsets);

}  // namespace lorikeet::data
