// SPDX-License-Identifier: GPL-3.0-or-later
// Expressions.
#include "engine/tokenizer/jinja/compare.h"
#include "engine/tokenizer/jinja/interpreter.h"
#include "engine/tokenizer/jinja/lookup.h"
#include "engine/tokenizer/jinja/operators.h"
#include "engine/tokenizer/jinja/representation.h"

namespace lorikeet::jinja {

Value Interpreter::evaluate(const Expression& expression, const FramePointer& frame)
{
    DepthGuard guard(m_runtime);
    m_runtime.charge(1);
    m_runtime.at = expression.at;
    const auto child = [&](std::size_t index) { return evaluate(*expression.children[index], frame); };
    switch (expression.kind) {
    case ExpressionKind::Constant: return expression.value;
    case ExpressionKind::Name: return evaluateName(expression, frame);
    case ExpressionKind::Tuple: return Value::tuple(evaluateAll(expression, frame));
    case ExpressionKind::List: return Value::list(evaluateAll(expression, frame));
    case ExpressionKind::Dict: return evaluateDict(expression, frame);
    case ExpressionKind::Attribute: {
        const Value object = child(0);
        m_runtime.at = expression.at;
        return attributeOf(m_runtime, object, expression.name);
    }
    case ExpressionKind::Item: return evaluateItem(expression, frame);
    case ExpressionKind::Call: return evaluateCall(expression, frame, nullptr);
    case ExpressionKind::Filter: return evaluateFilter(expression, frame, nullptr);
    case ExpressionKind::Test: return evaluateTest(expression, frame);
    case ExpressionKind::Negative: return negative(child(0));
    case ExpressionKind::Positive: return positive(child(0));
    case ExpressionKind::Not: return Value::boolean(!isTrue(child(0)));
    case ExpressionKind::And: {
        Value left = child(0);
        return isTrue(left) ? child(1) : left;
    }
    case ExpressionKind::Or: {
        Value left = child(0);
        return isTrue(left) ? left : child(1);
    }
    case ExpressionKind::Binary: {
        const Value left = child(0);
        const Value right = child(1);
        m_runtime.at = expression.at;
        return binary(m_runtime, expression.operators[0], left, right);
    }
    case ExpressionKind::Concat: return evaluateConcat(expression, frame);
    case ExpressionKind::Compare: return evaluateCompare(expression, frame);
    case ExpressionKind::Conditional: return evaluateConditional(expression, frame);
    case ExpressionKind::NamespaceTarget:
    case ExpressionKind::Slice: break;
    }
    throw Failure("an expression stands where it cannot be evaluated");
}

Value Interpreter::evaluateName(const Expression& expression, const FramePointer& frame)
{
    const Value& value = slotOf(expression.variable, *frame);
    return value.is(Kind::Missing) ? Value::undefinedName(expression.name) : value;
}

std::vector<Value> Interpreter::evaluateAll(const Expression& expression, const FramePointer& frame)
{
    std::vector<Value> values;
    values.reserve(expression.children.size());
    for (const ExpressionPointer& child : expression.children)
        values.push_back(evaluate(*child, frame));
    return values;
}

Value Interpreter::evaluateDict(const Expression& expression, const FramePointer& frame)
{
    auto dict = std::make_shared<DictValue>();
    for (std::size_t i = 0; i + 1 < expression.children.size(); i += 2) {
        const Value key = evaluate(*expression.children[i], frame);
        dict->set(key, evaluate(*expression.children[i + 1], frame));
    }
    return Value::dict(std::move(dict));
}

Value Interpreter::evaluateItem(const Expression& expression, const FramePointer& frame)
{
    const Value object = evaluate(*expression.children[0], frame);
    const Expression& index = *expression.children[1];
    if (index.kind != ExpressionKind::Slice) {
        const Value key = evaluate(index, frame);
        m_runtime.at = expression.at;
        return itemOf(m_runtime, object, key);
    }
    const auto bound = [&](std::size_t i) { return index.children[i] ? evaluate(*index.children[i], frame) : Value(); };
    const Value start = bound(0);
    const Value stop = bound(1);
    const Value step = bound(2);
    m_runtime.at = expression.at;
    return sliceOf(m_runtime, object, start, stop, step);
}

CallArguments Interpreter::evaluateArguments(const Expression& expression, const FramePointer& frame)
{
    CallArguments arguments;
    const CallShape& shape = expression.shape;
    std::size_t next = 1;
    arguments.positional.reserve(shape.positional);
    for (std::size_t i = 0; i < shape.positional; ++i)
        arguments.positional.push_back(evaluate(*expression.children[next++], frame));
    for (const std::string& name : shape.names)
        arguments.named.emplace_back(name, evaluate(*expression.children[next++], frame));
    if (shape.spread)
        for (Value& item : itemsOf(m_runtime, evaluate(*expression.children[next++], frame))) {
            m_runtime.charge(4);
            arguments.positional.push_back(std::move(item));
        }
    if (shape.namedSpread) {
        const Value named = evaluate(*expression.children[next++], frame);
        if (!named.is(Kind::Dict))
            throw Failure("the argument after ** must be a mapping, found '" + std::string(typeName(named)) + "'");
        for (const auto& [key, value] : named.asDict().entries) {
            if (!key.is(Kind::String))
                throw Failure("keywords must be strings");
            m_runtime.charge(4 + shape.names.size());
            for (const std::string& given : shape.names)
                if (given == key.text().view())
                    throw Failure("two values for the keyword argument '" + given + "'");
            arguments.named.emplace_back(key.text().bytes(), value);
        }
    }
    return arguments;
}

Value Interpreter::evaluateCall(const Expression& expression, const FramePointer& frame, const Value* caller)
{
    const Value callee = evaluate(*expression.children[0], frame);
    CallArguments arguments = evaluateArguments(expression, frame);
    if (caller != nullptr)
        arguments.named.emplace_back("caller", *caller);
    m_runtime.at = expression.at;
    if (callee.is(Kind::Undefined))
        throw Failure(callee.asUndefined().message);
    if (!callee.is(Kind::Object))
        throw Failure("'" + std::string(typeName(callee)) + "' object is not callable");
    Value result = callee.asObject().call(m_runtime, arguments);
    m_runtime.at = expression.at;
    if (result.is(Kind::String))
        m_runtime.chargeBytes(result.text().size());
    return result;
}

Value Interpreter::evaluateFilter(const Expression& expression, const FramePointer& frame, const Value* captured)
{
    // A chain in a block ends in the captured text, at its innermost filter.
    const Expression* inner = expression.children[0].get();
    const bool chained = captured != nullptr && inner != nullptr && inner->kind == ExpressionKind::Filter;
    const Value input = inner == nullptr ? *captured : chained ? evaluateFilter(*inner, frame, captured) : evaluate(*inner, frame);
    const CallArguments arguments = evaluateArguments(expression, frame);
    m_runtime.at = expression.at;
    if (expression.filter == nullptr)
        throw Failure("filter '" + expression.name + "' is not supported");
    Value result = expression.filter(m_runtime, input, arguments);
    if (result.is(Kind::String))
        m_runtime.chargeBytes(result.text().size());
    return result;
}

Value Interpreter::evaluateTest(const Expression& expression, const FramePointer& frame)
{
    const Value input = evaluate(*expression.children[0], frame);
    const CallArguments arguments = evaluateArguments(expression, frame);
    m_runtime.at = expression.at;
    if (expression.test == nullptr)
        throw Failure("test '" + expression.name + "' is not supported");
    return Value::boolean(expression.test(m_runtime, input, arguments));
}

Value Interpreter::evaluateConcat(const Expression& expression, const FramePointer& frame)
{
    Text text;
    for (const ExpressionPointer& part : expression.children) {
        const Value value = evaluate(*part, frame);
        if (value.is(Kind::String))
            text.append(value.text());
        else
            text.append(textOf(m_runtime, value));
    }
    m_runtime.chargeBytes(text.size());
    return Value::string(std::move(text));
}

Value Interpreter::evaluateCompare(const Expression& expression, const FramePointer& frame)
{
    Value left = evaluate(*expression.children[0], frame);
    for (std::size_t i = 0; i < expression.operators.size(); ++i) {
        Value right = evaluate(*expression.children[i + 1], frame);
        m_runtime.at = expression.at;
        if (!compare(m_runtime, expression.operators[i], left, right))
            return Value::boolean(false);
        left = std::move(right);
    }
    return Value::boolean(true);
}

Value Interpreter::evaluateConditional(const Expression& expression, const FramePointer& frame)
{
    if (isTrue(evaluate(*expression.children[0], frame)))
        return evaluate(*expression.children[1], frame);
    if (expression.children[2])
        return evaluate(*expression.children[2], frame);
    return Value::undefined("the inline if-expression evaluated to false and has no else");
}

}  // namespace lorikeet::jinja
