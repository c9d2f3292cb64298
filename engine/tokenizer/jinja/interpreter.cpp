// SPDX-License-Identifier: GPL-3.0-or-later
// Statements, frames and macros.
#include "engine/tokenizer/jinja/interpreter.h"

#include <algorithm>

#include "engine/tokenizer/jinja/globals.h"
#include "engine/tokenizer/jinja/loop.h"
#include "engine/tokenizer/jinja/representation.h"

namespace lorikeet::jinja {

Text Interpreter::run(const Tree& tree)
{
    auto frame = std::make_shared<Frame>();
    load(tree.scope, *frame);
    Text out;
    m_root = &out;
    runBlock(tree.body, frame, out);
    return out;
}

FramePointer Interpreter::enter(const ScopeLayout& layout, const FramePointer& outer)
{
    auto frame = std::make_shared<Frame>();
    frame->parent = outer;
    load(layout, *frame);
    return frame;
}

void Interpreter::load(const ScopeLayout& layout, Frame& frame) const
{
    m_runtime.charge(1 + layout.slots.size() / 2);
    frame.slots.resize(layout.slots.size());
    for (std::size_t i = 0; i < layout.slots.size(); ++i) {
        const SlotLoad& slot = layout.slots[i];
        switch (slot.from) {
        case SlotLoad::From::Parameter:
        case SlotLoad::From::Nothing: frame.slots[i] = Value::missing(); break;
        case SlotLoad::From::Context: frame.slots[i] = m_runtime.resolve(slot.name); break;
        case SlotLoad::From::Outer: frame.slots[i] = slotOf(slot.outer, *frame.parent); break;
        }
    }
}

Value& Interpreter::slotOf(const Variable& variable, Frame& frame)
{
    Frame* at = &frame;
    for (int hop = 0; hop < variable.hops; ++hop)
        at = at->parent.get();
    return at->slots[static_cast<std::size_t>(variable.slot)];
}

void Interpreter::assign(const Expression& target, const Value& value, Frame& frame)
{
    if (target.kind == ExpressionKind::Name) {
        slotOf(target.variable, frame) = value;
        return;
    }
    if (target.kind == ExpressionKind::NamespaceTarget) {
        auto* object = dynamic_cast<NamespaceObject*>(&slotOf(target.variable, frame).asObject());
        object->set(target.attribute, value);
        return;
    }
    const std::vector<Value> items = itemsOf(m_runtime, value);
    if (items.size() != target.children.size())
        throw Failure("expected " + std::to_string(target.children.size()) + " values to unpack, found " + std::to_string(items.size()));
    for (std::size_t i = 0; i < items.size(); ++i)
        assign(*target.children[i], items[i], frame);
}

// The check comes before the value is computed, as in Jinja.
void Interpreter::requireNamespaces(const Expression& target, const FramePointer& frame)
{
    if (target.kind == ExpressionKind::NamespaceTarget) {
        const Value& value = target.variable.slot < 0 ? Value() : slotOf(target.variable, *frame);
        if (!value.is(Kind::Object) || dynamic_cast<NamespaceObject*>(&value.asObject()) == nullptr)
            throw Failure("cannot assign an attribute of '" + target.name + "': it is not a namespace");
    }
    for (const ExpressionPointer& child : target.children)
        requireNamespaces(*child, frame);
}

Interpreter::Flow Interpreter::runBlock(const Block& block, const FramePointer& frame, Text& out)
{
    for (const StatementPointer& statement : block)
        if (const Flow flow = runStatement(*statement, frame, out); flow != Flow::Next)
            return flow;
    return Flow::Next;
}

Interpreter::Flow Interpreter::runStatement(const Statement& statement, const FramePointer& frame, Text& out)
{
    DepthGuard guard(m_runtime);
    m_runtime.charge(1);
    m_runtime.at = statement.at;
    switch (statement.kind) {
    case StatementKind::Output: runOutput(statement, frame, out); break;
    case StatementKind::If: return runIf(statement, frame, out);
    case StatementKind::For:
        if (statement.recursive) {
            Text text;
            runFor(statement, evaluate(*statement.value, frame), frame, text, 0);
            out.append(text);
        } else {
            runFor(statement, evaluate(*statement.value, frame), frame, out, 0);
        }
        break;
    case StatementKind::Macro: slotOf(statement.target->variable, *frame) = makeMacro(statement, frame); break;
    case StatementKind::CallBlock: runCallBlock(statement, frame, out); break;
    case StatementKind::Generation: runGeneration(statement, frame, out); break;
    case StatementKind::Set: runSet(statement, frame); break;
    case StatementKind::SetBlock: return runSetBlock(statement, frame);
    case StatementKind::FilterBlock: return runFilterBlock(statement, frame, out);
    case StatementKind::With: return runWith(statement, frame, out);
    case StatementKind::Break: return Flow::Break;
    case StatementKind::Continue: return Flow::Continue;
    }
    return Flow::Next;
}

void Interpreter::runOutput(const Statement& statement, const FramePointer& frame, Text& out)
{
    for (const ExpressionPointer& part : statement.expressions) {
        if (part->kind == ExpressionKind::Constant && part->value.is(Kind::String)) {
            m_runtime.chargeBytes(part->value.text().size() + 16);
            out.append(part->value.text());
            continue;
        }
        const Value value = evaluate(*part, frame);
        if (value.is(Kind::String)) {
            m_runtime.chargeBytes(value.text().size());
            out.append(value.text());
        } else {
            const Text text = textOf(m_runtime, value);
            m_runtime.chargeBytes(text.size());
            out.append(text);
        }
    }
}

Interpreter::Flow Interpreter::runIf(const Statement& statement, const FramePointer& frame, Text& out)
{
    if (isTrue(evaluate(*statement.condition, frame)))
        return runBlock(statement.body, frame, out);
    for (const StatementPointer& branch : statement.elseIfs)
        if (isTrue(evaluate(*branch->condition, frame)))
            return runBlock(branch->body, frame, out);
    return runBlock(statement.elseBody, frame, out);
}

void Interpreter::runFor(const Statement& statement, const Value& iterable, const FramePointer& frame, Text& out, int depth0)
{
    DepthGuard guard(m_runtime);
    m_runtime.at = statement.at;
    std::function<bool(const Value&)> accept;
    if (statement.condition) {
        FramePointer testFrame = enter(statement.testScope, frame);
        accept = [this, &statement, testFrame](const Value& item) {
            assign(*statement.testTarget, item, *testFrame);
            return isTrue(evaluate(*statement.condition, testFrame));
        };
    }
    auto loop = std::make_shared<LoopObject>(m_runtime, iterable, std::move(accept), depth0);
    if (statement.recursive)
        loop->recurse = [this, &statement, frame](const Value& inner, int depth) {
            Text text;
            runFor(statement, inner, frame, text, depth);
            return Value::string(std::move(text));
        };
    auto loopFrame = std::make_shared<Frame>();
    loopFrame->parent = frame;
    bool completed = false;
    Value item;
    while (loop->advance(item)) {
        m_runtime.charge(1);
        load(statement.scope, *loopFrame);
        if (statement.loopSlot >= 0)
            loopFrame->slots[static_cast<std::size_t>(statement.loopSlot)] = Value::object(loop);
        assign(*statement.target, item, *loopFrame);
        const Flow flow = runBlock(statement.body, loopFrame, out);
        if (flow == Flow::Break)
            break;
        completed = completed || flow == Flow::Next;
    }
    // As in Jinja, a loop none of whose rounds reached its end counts as empty.
    if (!completed)
        runBlock(statement.elseBody, enter(statement.elseScope, frame), out);
}

Value Interpreter::makeMacro(const Statement& statement, const FramePointer& frame)
{
    m_runtime.keep(frame);
    return Value::object(std::make_shared<MacroObject>(*this, statement, frame));
}

void Interpreter::runCallBlock(const Statement& statement, const FramePointer& frame, Text& out)
{
    const Value caller = makeMacro(statement, frame);
    const Text text = textOf(m_runtime, evaluateCall(*statement.value, frame, &caller));
    m_runtime.chargeBytes(text.size());
    out.append(text);
}

void Interpreter::runGeneration(const Statement& statement, const FramePointer& frame, Text& out)
{
    Text text;
    runBlock(statement.body, enter(statement.scope, frame), text);
    // transformers counts from the start of what is written so far, even where this block stands in a macro.
    m_generations.push_back({m_root->size(), m_root->size() + text.size()});
    m_runtime.chargeBytes(text.size());
    out.append(text);
}

// A `break` or `continue` leaves the block at once, and what it captured is lost.
Interpreter::Flow Interpreter::runFilterBlock(const Statement& statement, const FramePointer& frame, Text& out)
{
    const FramePointer inner = enter(statement.scope, frame);
    Text captured;
    if (const Flow flow = runBlock(statement.body, inner, captured); flow != Flow::Next)
        return flow;
    const Value input = Value::string(std::move(captured));
    out.append(textOf(m_runtime, evaluateFilter(*statement.value, inner, &input)));
    return Flow::Next;
}

Interpreter::Flow Interpreter::runSetBlock(const Statement& statement, const FramePointer& frame)
{
    const FramePointer inner = enter(statement.scope, frame);
    Text captured;
    if (const Flow flow = runBlock(statement.body, inner, captured); flow != Flow::Next)
        return flow;
    Value value = Value::string(std::move(captured));
    if (statement.value)
        value = evaluateFilter(*statement.value, inner, &value);
    requireNamespaces(*statement.target, frame);
    assign(*statement.target, value, *frame);
    return Flow::Next;
}

Interpreter::Flow Interpreter::runWith(const Statement& statement, const FramePointer& frame, Text& out)
{
    const FramePointer inner = enter(statement.scope, frame);
    for (std::size_t i = 0; i < statement.targets.size(); ++i)
        assign(*statement.targets[i], evaluate(*statement.expressions[i], frame), *inner);
    return runBlock(statement.body, inner, out);
}

void Interpreter::runSet(const Statement& statement, const FramePointer& frame)
{
    requireNamespaces(*statement.target, frame);
    const Value value = evaluate(*statement.value, frame);
    m_runtime.at = statement.at;
    assign(*statement.target, value, *frame);
}

namespace {

// What is left of the named arguments; take() removes one.
class NamedRest {
public:
    NamedRest(Runtime& runtime, std::vector<std::pair<std::string, Value>> named) : m_runtime(runtime), m_named(std::move(named)) {}

    Value take(std::string_view name)
    {
        m_runtime.charge(m_named.size());
        const auto found = std::find_if(m_named.begin(), m_named.end(), [&](const auto& entry) { return entry.first == name; });
        if (found == m_named.end())
            return Value::missing();
        Value value = std::move(found->second);
        m_named.erase(found);
        return value;
    }

    [[nodiscard]] const std::vector<std::pair<std::string, Value>>& rest() const { return m_named; }

private:
    Runtime& m_runtime;
    std::vector<std::pair<std::string, Value>> m_named;
};

}  // namespace

void Interpreter::bindArguments(const Statement& macro, const CallArguments& arguments, Frame& frame)
{
    const std::size_t count = macro.parameters.size();
    m_runtime.charge(count + arguments.named.size());
    NamedRest named(m_runtime, arguments.named);
    const auto slot = [&](int index) -> Value& { return frame.slots[static_cast<std::size_t>(index)]; };
    for (std::size_t i = 0; i < count; ++i)
        slot(macro.parameters[i].slot) = i < arguments.positional.size() ? arguments.positional[i] : named.take(macro.parameters[i].name);
    if (macro.callerSlot >= 0) {
        const Value caller = named.take("caller");
        slot(macro.callerSlot) = caller.is(Kind::Missing) ? Value::undefined("no caller defined") : caller;
    }
    if (macro.kwargsSlot >= 0) {
        auto rest = std::make_shared<DictValue>();
        for (const auto& [name, value] : named.rest())
            rest->set(name, value);
        slot(macro.kwargsSlot) = Value::dict(std::move(rest));
    } else if (!named.rest().empty()) {
        throw Failure("macro '" + macro.name + "' takes no keyword argument '" + named.rest().front().first + "'");
    }
    if (macro.varargsSlot >= 0) {
        const auto rest = arguments.positional.begin() + static_cast<std::ptrdiff_t>(std::min(count, arguments.positional.size()));
        slot(macro.varargsSlot) = Value::tuple({rest, arguments.positional.end()});
    } else if (arguments.positional.size() > count) {
        throw Failure("macro '" + macro.name + "' takes not more than " + std::to_string(count) + " argument(s)");
    }
}

Value Interpreter::callMacro(const Statement& macro, const FramePointer& outer, const CallArguments& arguments)
{
    DepthGuard guard(m_runtime);
    const FramePointer frame = enter(macro.scope, outer);
    bindArguments(macro, arguments, *frame);
    for (const Parameter& parameter : macro.parameters) {
        const auto slot = static_cast<std::size_t>(parameter.slot);
        if (!frame->slots[slot].is(Kind::Missing))
            continue;
        Value value = parameter.fallback ? evaluate(*parameter.fallback, frame)
                                         : Value::undefined("parameter '" + parameter.name + "' was not provided");
        frame->slots[slot] = std::move(value);
    }
    Text out;
    runBlock(macro.body, frame, out);
    return Value::string(std::move(out));
}

Value MacroObject::attribute(Runtime&, std::string_view name)
{
    if (name == "name")
        return statement->kind == StatementKind::Macro ? Value::string(statement->name) : Value();
    if (name == "arguments") {
        std::vector<Value> names;
        for (const Parameter& parameter : statement->parameters)
            names.push_back(Value::string(parameter.name));
        return Value::tuple(std::move(names));
    }
    if (name == "catch_kwargs")
        return Value::boolean(statement->kwargsSlot >= 0);
    if (name == "catch_varargs")
        return Value::boolean(statement->varargsSlot >= 0);
    if (name == "caller")
        return Value::boolean(statement->callerSlot >= 0);
    return Value::missing();
}

std::string MacroObject::represent(Runtime&) const
{
    return statement->kind == StatementKind::Macro ? "<Macro " + quoted(statement->name) + ">" : "<Macro anonymous>";
}

}  // namespace lorikeet::jinja
