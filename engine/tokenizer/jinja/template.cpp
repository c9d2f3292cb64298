// SPDX-License-Identifier: GPL-3.0-or-later
// Parsing and rendering, with the engine's inner failures turned into Error.
#include "engine/tokenizer/jinja/template.h"

#include "engine/base/error.h"
#include "engine/tokenizer/jinja/parser.h"
#include "engine/tokenizer/jinja/scopes.h"
#include "engine/tokenizer/jinja/unicode.h"

namespace lorikeet::jinja {
namespace {

// A chat_template.jinja goes before what tokenizer_config.json says; a GGUF file cannot be overridden.
constexpr const char* kHint = "put a template that works into the model's folder as chat_template.jinja, which goes before any other; "
                              "in place of a GGUF file open the model's folder";

}  // namespace

Template::Template(std::string_view source, std::string name) : m_name(std::move(name))
{
    if (source.size() > kMaxSourceBytes)
        throw Error(ErrorCode::BadInput, "template '" + m_name + "' has " + std::to_string(source.size()) + " bytes, at most "
                        + std::to_string(kMaxSourceBytes) + " are read", kHint);
    if (!isValidUtf8(source))
        throw Error(ErrorCode::BadInput, "template '" + m_name + "' is not valid UTF-8", "save the file as UTF-8");
    try {
        auto tree = std::make_shared<Tree>(parse(source));
        resolveScopes(*tree);
        m_tree = std::move(tree);
    } catch (const LexerFailure& failure) {
        refuse(failure, failure.at);
    }
}

Rendering Template::render(std::unordered_map<std::string, Value> variables, const std::tm& now, std::uint64_t steps) const
{
    Runtime runtime(std::move(variables), now, steps);
    try {
        Interpreter interpreter(runtime);
        Text text = interpreter.run(*m_tree);
        return {std::move(text), interpreter.generations()};
    } catch (const Failure& failure) {
        refuse(failure, runtime.at);
    }
}

void Template::refuse(const Failure& failure, Position at) const
{
    if (failure.kind() == Failure::Kind::Raised)
        throw Error(ErrorCode::BadInput, failure.message(), "so says the chat template of " + m_name + ": change the roles of the messages or their order");
    throw Error(ErrorCode::BadInput, m_name + ", template line " + std::to_string(at.line) + ", column " + std::to_string(at.column) + ": " + failure.message(), kHint);
}

}  // namespace lorikeet::jinja
