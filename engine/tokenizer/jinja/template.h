// SPDX-License-Identifier: GPL-3.0-or-later
// The face of the template engine: parse once, render often.
//
// The language is that of Jinja 3.1 in transformers' environment (trim_blocks, lstrip_blocks, loop controls, generation tags,
// immutable sandbox). Known to differ: integers have 64 bits and refuse to overflow; functions print without an address;
// lipsum, `self`, include, import, extends, block, autoescape, trans and the filters pprint, random, urlize, wordwrap, xmlattr do not
// exist and are refused by name; slices of constants that cannot be sliced fail (Jinja folds them to nothing); at most 1000
// variables in a scope, 500 parameters of a macro, expressions 400 operators high, values nested 128 deep.
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/tokenizer/jinja/interpreter.h"
#include "engine/tokenizer/jinja/text.h"
#include "engine/tokenizer/jinja/value.h"

namespace lorikeet::jinja {

/// No template source may be larger (1 MiB).
inline constexpr std::size_t kMaxSourceBytes = std::size_t{1} << 20;
/// Work every rendering may do, beside what the size of its input adds.
inline constexpr std::uint64_t kBaseSteps = 1'000'000;

struct Rendering {
    Text text;
    std::vector<GenerationSpan> generations;  ///< what {% generation %} blocks wrote, in order
};

/// A parsed template. Immutable; render may be called from several threads at once.
class Template {
public:
    /// `name` says where the source lies and stands in messages. @throws Error{BadInput} "name, template line 12, column 5: ..."
    Template(std::string_view source, std::string name);

    /// @throws Error{BadInput}: what raise_exception says, as it says it, or "name, template line 12, column 5: ..."
    [[nodiscard]] Rendering render(std::unordered_map<std::string, Value> variables, const std::tm& now, std::uint64_t steps = kBaseSteps) const;

    [[nodiscard]] bool hasGenerationTags() const noexcept { return m_tree->hasGeneration; }

private:
    [[noreturn]] void refuse(const Failure& failure, Position at) const;

    std::string m_name;
    std::shared_ptr<const Tree> m_tree;
};

}  // namespace lorikeet::jinja
