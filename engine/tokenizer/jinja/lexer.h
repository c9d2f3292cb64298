// SPDX-License-Identifier: GPL-3.0-or-later
// Template text into tokens, with Jinja's white space rules (trim_blocks, lstrip_blocks, "-" and "+" signs).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/jinja/failure.h"

namespace lorikeet::jinja {

enum class TokenKind { Data, VariableBegin, VariableEnd, BlockBegin, BlockEnd, Name, String, Integer, Float, Symbol, End };

struct Token {
    TokenKind kind = TokenKind::End;
    std::string text;  ///< Data and String: the final text; Name, numbers and Symbol: as written
    Position at;
};

/// The failure carries no place; the place is in `at`.
struct LexerFailure : Failure {
    LexerFailure(std::string message, Position position) : Failure(std::move(message)), at(position) {}
    Position at;
};

/// @throws LexerFailure for unclosed tags, comments and strings, unbalanced brackets and stray characters.
[[nodiscard]] std::vector<Token> tokenize(std::string_view source);

}  // namespace lorikeet::jinja
