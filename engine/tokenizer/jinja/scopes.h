// SPDX-License-Identifier: GPL-3.0-or-later
// Gives every variable of a tree its place (frame and slot), by the rules of Jinja2's identifier tracking: what a loop sets
// stays in the loop, a macro sees the variables around its definition, and a name set in one branch only falls back
// to the outer one or to the context.
#pragma once

#include "engine/tokenizer/jinja/ast.h"

namespace lorikeet::jinja {

/// @throws LexerFailure with the place of a filter or test that does not exist and stands outside of any `if` (inside one
/// it fails only when it is reached, as in Jinja).
void resolveScopes(Tree& tree);

}  // namespace lorikeet::jinja
