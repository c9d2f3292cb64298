// SPDX-License-Identifier: GPL-3.0-or-later
// Which bytes of a rendered chat are trained, read off the origin of the bytes or the template's own generation tags.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/chat_template.h"
#include "engine/tokenizer/jinja/template.h"

namespace lorikeet::tokenizer {

/// What is known about a conversation beside its rendering.
struct TurnFacts {
    std::vector<bool> isAssistant;        ///< by message
    std::string generationPrompt;         ///< what opens an assistant turn in this template, or empty
    std::vector<std::string> endOfTurn;   ///< what closes one
    TrainOn trainOn = TrainOn::AssistantTurns;
};

/// The source that text of message number `index` carries, and the one of the tool names it calls.
[[nodiscard]] constexpr jinja::Source sourceOf(int index) { return 2 * index + 2; }
[[nodiscard]] constexpr jinja::Source toolNameSourceOf(int index) { return 2 * index + 3; }
[[nodiscard]] constexpr int messageOf(jinja::Source source) { return source / 2 - 1; }

[[nodiscard]] std::vector<RenderedSpan> spansByOrigin(const jinja::Text& text, const TurnFacts& facts);
[[nodiscard]] std::vector<RenderedSpan> spansByTags(const jinja::Rendering& rendering, const TurnFacts& facts);
/// One span over everything.
[[nodiscard]] std::vector<RenderedSpan> spansOfEverything(std::size_t size);

}  // namespace lorikeet::tokenizer
