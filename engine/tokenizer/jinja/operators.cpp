// SPDX-License-Identifier: GPL-3.0-or-later
// Operators between values. Integers are 64 bits wide and refuse to overflow.
#include "engine/tokenizer/jinja/operators.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/tokenizer/jinja/compare.h"
#include "engine/tokenizer/jinja/format.h"
#include "engine/tokenizer/jinja/representation.h"

namespace lorikeet::jinja {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::size_t kMaxItems = 1'000'000;

[[noreturn]] void overflow()
{
    throw Failure("an integer does not fit into 64 bits");
}

std::int64_t add(std::int64_t a, std::int64_t b)
{
    if ((b > 0 && a > kMax - b) || (b < 0 && a < kMin - b))
        overflow();
    return a + b;
}

std::int64_t subtract(std::int64_t a, std::int64_t b)
{
    if ((b < 0 && a > kMax + b) || (b > 0 && a < kMin + b))
        overflow();
    return a - b;
}

std::int64_t multiply(std::int64_t a, std::int64_t b)
{
    if (a == 0 || b == 0)
        return 0;
    if ((a == -1 && b == kMin) || (b == -1 && a == kMin))
        overflow();
    const std::int64_t product = static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
    if (product / b != a)
        overflow();
    return product;
}

std::int64_t floorDivide(std::int64_t a, std::int64_t b)
{
    if (b == 0)
        throw Failure("integer division or modulo by zero");
    if (a == kMin && b == -1)
        overflow();
    const std::int64_t quotient = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

std::int64_t modulo(std::int64_t a, std::int64_t b)
{
    if (b == 0)
        throw Failure("integer modulo by zero");
    if (b == -1)
        return 0;
    const std::int64_t rest = a % b;
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

double floorModulo(double a, double b)
{
    if (b == 0)
        throw Failure("float modulo by zero");
    double rest = std::fmod(a, b);
    if (rest != 0 && (rest < 0) != (b < 0))
        rest += b;
    else if (rest == 0)
        rest = std::copysign(0.0, b);
    return rest;
}

Value power(const Value& left, const Value& right)
{
    if (left.isIntegral() && right.isIntegral() && right.asInteger() >= 0) {
        std::int64_t base = left.asInteger();
        std::int64_t exponent = right.asInteger();
        if (base == 0 || base == 1 || base == -1)
            return Value::integer(exponent == 0 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : base);
        if (exponent > 63)
            overflow();
        std::int64_t result = 1;
        for (; exponent > 0; --exponent)
            result = multiply(result, base);
        return Value::integer(result);
    }
    const double base = left.asReal();
    const double exponent = right.asReal();
    if (base == 0 && exponent < 0)
        throw Failure("0.0 cannot be raised to a negative power");
    if (base < 0 && std::trunc(exponent) != exponent)
        throw Failure("a power that is a complex number is not supported");
    const double result = std::pow(base, exponent);
    if (std::isinf(result) && std::isfinite(base) && std::isfinite(exponent))
        throw Failure("the result of ** is too large");
    return Value::real(result);
}

Value integerOperation(Operator op, std::int64_t a, std::int64_t b)
{
    switch (op) {
    case Operator::Add: return Value::integer(add(a, b));
    case Operator::Subtract: return Value::integer(subtract(a, b));
    case Operator::Multiply: return Value::integer(multiply(a, b));
    case Operator::FloorDivide: return Value::integer(floorDivide(a, b));
    case Operator::Modulo: return Value::integer(modulo(a, b));
    default: break;
    }
    if (b == 0)
        throw Failure("division by zero");
    return Value::real(static_cast<double>(a) / static_cast<double>(b));
}

Value realOperation(Operator op, double a, double b)
{
    switch (op) {
    case Operator::Add: return Value::real(a + b);
    case Operator::Subtract: return Value::real(a - b);
    case Operator::Multiply: return Value::real(a * b);
    case Operator::Modulo: return Value::real(floorModulo(a, b));
    default: break;
    }
    if (b == 0)
        throw Failure("float division by zero");
    if (op == Operator::FloorDivide)
        return Value::real(std::floor((a - floorModulo(a, b)) / b + 0.5));
    return Value::real(a / b);
}

std::string_view symbolOf(Operator op)
{
    switch (op) {
    case Operator::Add: return "+";
    case Operator::Subtract: return "-";
    case Operator::Multiply: return "*";
    case Operator::Divide: return "/";
    case Operator::FloorDivide: return "//";
    case Operator::Modulo: return "%";
    default: return "**";
    }
}

Value addStrings(const Value& left, const Value& right)
{
    const bool markup = left.asString().markup || right.asString().markup;
    const auto side = [&](const Value& value) {
        return markup && !value.asString().markup ? escapedMarkup(value.text()) : value.text();
    };
    Text text = side(left);
    text.append(side(right));
    return Value::string(std::move(text), markup);
}

Value addSequences(Runtime& runtime, const Value& left, const Value& right)
{
    std::vector<Value> items = left.items();
    items.insert(items.end(), right.items().begin(), right.items().end());
    runtime.charge(items.size());
    return left.is(Kind::List) ? Value::list(std::move(items)) : Value::tuple(std::move(items));
}

Value repeatSequence(Runtime& runtime, const Value& sequence, std::int64_t times)
{
    const std::size_t size = sequence.items().size();
    if (size == 0)
        times = 0;  // a loop that adds nothing still takes its time
    if (times > 0 && static_cast<std::uint64_t>(times) > kMaxItems / size)
        throw Failure("a repeated list is longer than " + std::to_string(kMaxItems) + " items");
    std::vector<Value> items;
    for (std::int64_t i = 0; i < times; ++i)
        items.insert(items.end(), sequence.items().begin(), sequence.items().end());
    runtime.charge(items.size());
    return sequence.is(Kind::List) ? Value::list(std::move(items)) : Value::tuple(std::move(items));
}

Value repeat(Runtime& runtime, const Value& value, std::int64_t times)
{
    if (!value.is(Kind::String))
        return repeatSequence(runtime, value, times);
    if (times > 0)
        runtime.chargeBytes(std::min(static_cast<std::uint64_t>(times), kMaxTextBytes) * value.text().size());
    Text text = repeated(value.text(), times);
    return Value::string(std::move(text), value.asString().markup);
}

bool repeatable(const Value& value)
{
    return value.is(Kind::String) || value.isSequence();
}

}  // namespace

Text repeated(const Text& text, std::int64_t times)
{
    if (times <= 0 || text.empty())
        return {};
    if (static_cast<std::uint64_t>(times) > kMaxTextBytes / text.size())
        throw Failure("a repeated text is longer than 32 MiB");
    if (text.size() == 1 && text.spans().empty())
        return Text(std::string(static_cast<std::size_t>(times), text.view()[0]));
    Text result;
    for (std::int64_t i = 0; i < times; ++i)
        result.append(text);
    return result;
}

Value binary(Runtime& runtime, Operator op, const Value& left, const Value& right)
{
    // Python asks the left operand first, and a string formats whatever stands on the right.
    if (op == Operator::Modulo && left.is(Kind::String))
        return formatPercent(runtime, left, right);
    if (left.is(Kind::Undefined) || right.is(Kind::Undefined))
        throw Failure((left.is(Kind::Undefined) ? left : right).asUndefined().message);
    if (left.isNumber() && right.isNumber()) {
        if (op == Operator::Power)
            return power(left, right);
        if (left.isIntegral() && right.isIntegral())
            return integerOperation(op, left.asInteger(), right.asInteger());
        return realOperation(op, left.asReal(), right.asReal());
    }
    if (op == Operator::Add && left.is(Kind::String) && right.is(Kind::String)) {
        Value sum = addStrings(left, right);
        runtime.chargeBytes(sum.text().size());
        return sum;
    }
    if (op == Operator::Add && left.isSequence() && left.kind() == right.kind())
        return addSequences(runtime, left, right);
    if (op == Operator::Multiply && repeatable(left) && right.isIntegral())
        return repeat(runtime, left, right.asInteger());
    if (op == Operator::Multiply && repeatable(right) && left.isIntegral())
        return repeat(runtime, right, left.asInteger());
    throw Failure("unsupported operand types for " + std::string(symbolOf(op)) + ": '" + std::string(typeName(left)) + "' and '"
                  + std::string(typeName(right)) + "'");
}

Value negative(const Value& operand)
{
    if (operand.isIntegral())
        return Value::integer(subtract(0, operand.asInteger()));
    if (operand.is(Kind::Float))
        return Value::real(-operand.asReal());
    if (operand.is(Kind::Undefined))
        throw Failure(operand.asUndefined().message);
    throw Failure("bad operand type for unary -: '" + std::string(typeName(operand)) + "'");
}

Value positive(const Value& operand)
{
    if (operand.isIntegral())
        return Value::integer(operand.asInteger());
    if (operand.is(Kind::Float))
        return operand;
    if (operand.is(Kind::Undefined))
        throw Failure(operand.asUndefined().message);
    throw Failure("bad operand type for unary +: '" + std::string(typeName(operand)) + "'");
}

bool compare(Runtime& runtime, Operator op, const Value& left, const Value& right)
{
    switch (op) {
    case Operator::Equal: return equal(left, right);
    case Operator::NotEqual: return !equal(left, right);
    case Operator::Less: return ordered(left, Order::Less, right);
    case Operator::LessEqual: return ordered(left, Order::LessEqual, right);
    case Operator::Greater: return ordered(left, Order::Greater, right);
    case Operator::GreaterEqual: return ordered(left, Order::GreaterEqual, right);
    case Operator::In: return contains(runtime, right, left);
    default: return !contains(runtime, right, left);
    }
}

}  // namespace lorikeet::jinja
