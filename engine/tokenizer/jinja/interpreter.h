// SPDX-License-Identifier: GPL-3.0-or-later
// Walks over a resolved tree and writes the output.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/tokenizer/jinja/ast.h"
#include "engine/tokenizer/jinja/runtime.h"

namespace lorikeet::jinja {

/// A stretch of the output written by a {% generation %} block, in bytes.
struct GenerationSpan {
    std::size_t begin;
    std::size_t end;
};

class Interpreter {
public:
    explicit Interpreter(Runtime& runtime) : m_runtime(runtime) {}

    /// Renders the whole tree. @throws Failure; Runtime::at says where.
    Text run(const Tree& tree);
    [[nodiscard]] const std::vector<GenerationSpan>& generations() const noexcept { return m_generations; }

    /// Runs the body of a macro or call block whose definition stood in `outer`.
    Value callMacro(const Statement& macro, const FramePointer& outer, const CallArguments& arguments);

private:
    enum class Flow { Next, Break, Continue };

    // Statements (interpreter.cpp)
    Flow runBlock(const Block& block, const FramePointer& frame, Text& out);
    Flow runStatement(const Statement& statement, const FramePointer& frame, Text& out);
    Flow runIf(const Statement& statement, const FramePointer& frame, Text& out);
    void runOutput(const Statement& statement, const FramePointer& frame, Text& out);
    void runFor(const Statement& statement, const Value& iterable, const FramePointer& frame, Text& out, int depth0);
    void runCallBlock(const Statement& statement, const FramePointer& frame, Text& out);
    void runGeneration(const Statement& statement, const FramePointer& frame, Text& out);
    Flow runFilterBlock(const Statement& statement, const FramePointer& frame, Text& out);
    Flow runSetBlock(const Statement& statement, const FramePointer& frame);
    Flow runWith(const Statement& statement, const FramePointer& frame, Text& out);
    void runSet(const Statement& statement, const FramePointer& frame);
    Value makeMacro(const Statement& statement, const FramePointer& frame);
    void bindArguments(const Statement& macro, const CallArguments& arguments, Frame& frame);
    void requireNamespaces(const Expression& target, const FramePointer& frame);
    FramePointer enter(const ScopeLayout& layout, const FramePointer& outer);
    void load(const ScopeLayout& layout, Frame& frame) const;
    void assign(const Expression& target, const Value& value, Frame& frame);
    static Value& slotOf(const Variable& variable, Frame& frame);

    // Expressions (evaluate.cpp)
    Value evaluate(const Expression& expression, const FramePointer& frame);
    Value evaluateName(const Expression& expression, const FramePointer& frame);
    Value evaluateDict(const Expression& expression, const FramePointer& frame);
    Value evaluateItem(const Expression& expression, const FramePointer& frame);
    Value evaluateCall(const Expression& expression, const FramePointer& frame, const Value* caller);
    Value evaluateFilter(const Expression& expression, const FramePointer& frame, const Value* input);
    Value evaluateTest(const Expression& expression, const FramePointer& frame);
    Value evaluateConcat(const Expression& expression, const FramePointer& frame);
    Value evaluateCompare(const Expression& expression, const FramePointer& frame);
    Value evaluateConditional(const Expression& expression, const FramePointer& frame);
    std::vector<Value> evaluateAll(const Expression& expression, const FramePointer& frame);
    CallArguments evaluateArguments(const Expression& expression, const FramePointer& frame);

    Runtime& m_runtime;
    const Text* m_root = nullptr;  ///< the output itself, where captured blocks are not
    std::vector<GenerationSpan> m_generations;
};

/// A macro, or the body of a call block.
struct MacroObject final : ObjectValue {
    MacroObject(Interpreter& i, const Statement& s, FramePointer f) : interpreter(&i), statement(&s), frame(std::move(f)) {}
    [[nodiscard]] Value attribute(Runtime& runtime, std::string_view name) override;
    [[nodiscard]] bool isCallable() const override { return true; }
    [[nodiscard]] Value call(Runtime&, const CallArguments& arguments) override { return interpreter->callMacro(*statement, frame, arguments); }
    [[nodiscard]] std::string represent(Runtime& runtime) const override;
    [[nodiscard]] std::string_view typeName() const override { return "Macro"; }

    Interpreter* interpreter;
    const Statement* statement;
    FramePointer frame;
};

}  // namespace lorikeet::jinja
