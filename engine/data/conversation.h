// SPDX-License-Identifier: GPL-3.0-or-later
// A row in one common form, whatever format it was written in: messages for the chat template, a prompt with its completion, or text.
#pragma once

#include "engine/data/recognise.h"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <variant>

namespace lorikeet::data {

/// Messages as a chat template takes them: objects with "role" (system, developer, user, assistant, tool ...) and "content" (text).
struct Conversation {
    nlohmann::ordered_json messages = nlohmann::ordered_json::array();
    nlohmann::ordered_json tools;    ///< list of tool schemas, or null
    std::size_t promptMessages = 0;  ///< leading messages that are never trained (prompt_completion with lists)
};

struct PromptCompletion {
    std::string prompt;
    std::string completion;
};

struct PlainText {
    std::string text;
};

using Sample = std::variant<Conversation, PromptCompletion, PlainText>;

/// A sample, or why the row has none.
struct SampleOrProblem {
    std::optional<Sample> sample;
    std::string problem;   ///< "item 2 of \"messages\" has no \"content\""
    bool isEmpty = false;  ///< the row is well-formed but has no words (empty text, blank answers)
};

/// Brings a row into the common form.
/// - sharegpt: human -> user, gpt -> assistant, observation -> tool, function_call -> assistant with a tool call; "system" first.
/// - alpaca: "instruction\ninput" is the user's turn (as LLaMA-Factory joins them), "output" the answer; "system" and "history"
///   ([[user, assistant], ...]) go before.
/// - content lists of {"type": "text"} parts are joined; other parts (images) are a problem.
/// - arguments of tool calls and "tools" may be JSON in a string; they are decoded.
/// Unknown roles are a problem: a misspelt "assistant" would otherwise silently not be trained.
[[nodiscard]] SampleOrProblem toSample(const nlohmann::ordered_json& row, RowFormat format);

}  // namespace lorikeet::data
