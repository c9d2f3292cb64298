// SPDX-License-Identifier: GPL-3.0-or-later
// The tests of Jinja.
#include "engine/tokenizer/jinja/tests.h"

#include <unordered_map>

#include "engine/tokenizer/jinja/arguments.h"
#include "engine/tokenizer/jinja/compare.h"
#include "engine/tokenizer/jinja/filters.h"
#include "engine/tokenizer/jinja/operators.h"
#include "engine/tokenizer/jinja/representation.h"
#include "engine/tokenizer/jinja/unicode.h"

namespace lorikeet::jinja {
namespace {

// A test without arguments.
template <bool (*Check)(const Value&)>
bool plain(Runtime&, const Value& value, const CallArguments& arguments)
{
    BoundArguments("test", arguments, {});
    return Check(value);
}

template <Operator Op>
bool compared(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("test", arguments, {"other"}, 1);
    return compare(runtime, Op, value, bound[0]);
}

bool isDefined(const Value& value) { return !value.is(Kind::Undefined); }
bool isUndefined(const Value& value) { return value.is(Kind::Undefined); }
bool isNone(const Value& value) { return value.is(Kind::None); }
bool isBoolean(const Value& value) { return value.is(Kind::Boolean); }
bool isTrueItself(const Value& value) { return value.is(Kind::Boolean) && value.asBoolean(); }
bool isFalseItself(const Value& value) { return value.is(Kind::Boolean) && !value.asBoolean(); }
bool isInteger(const Value& value) { return value.is(Kind::Integer); }
bool isReal(const Value& value) { return value.is(Kind::Float); }
bool isString(const Value& value) { return value.is(Kind::String); }
bool isMapping(const Value& value) { return value.is(Kind::Dict); }
bool isNumber(const Value& value) { return value.isNumber(); }
bool isIterableValue(const Value& value) { return isIterable(value); }
bool isCallable(const Value& value) { return value.is(Kind::Undefined) || (value.is(Kind::Object) && value.asObject().isCallable()); }
bool isEscaped(const Value& value) { return value.is(Kind::String) && value.asString().markup; }

bool isSequenceValue(const Value& value)
{
    return value.is(Kind::String) || value.isSequence() || value.is(Kind::Dict) || value.is(Kind::Range) || value.is(Kind::Undefined);
}

bool cased(Runtime& runtime, const Value& value, bool (*wanted)(char32_t), bool (*unwanted)(char32_t))
{
    const Text text = textOf(runtime, value);
    spendMapping(text.size());
    bool any = false;
    for (std::size_t at = 0; at < text.size();) {
        const char32_t code = nextCodePoint(text.view(), at);
        if (unwanted(code) || isTitlecase(code))
            return false;
        any = any || wanted(code);
    }
    return any;
}

bool isLower(Runtime& runtime, const Value& value, const CallArguments&)
{
    return cased(runtime, value, [](char32_t c) { return isLowercase(c); }, [](char32_t c) { return isUppercase(c); });
}

bool isUpper(Runtime& runtime, const Value& value, const CallArguments&)
{
    return cased(runtime, value, [](char32_t c) { return isUppercase(c); }, [](char32_t c) { return isLowercase(c); });
}

bool remainderIs(Runtime& runtime, const Value& value, const Value& divisor, std::int64_t wanted)
{
    return equal(binary(runtime, Operator::Modulo, value, divisor), Value::integer(wanted));
}

bool isOdd(Runtime& runtime, const Value& value, const CallArguments&) { return remainderIs(runtime, value, Value::integer(2), 1); }
bool isEven(Runtime& runtime, const Value& value, const CallArguments&) { return remainderIs(runtime, value, Value::integer(2), 0); }

bool isDivisible(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("divisibleby", arguments, {"num"}, 1);
    return remainderIs(runtime, value, bound[0], 0);
}

bool isSame(Runtime&, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("sameas", arguments, {"other"}, 1);
    const Value& other = bound[0];
    if (value.kind() != other.kind())
        return false;
    if (value.is(Kind::None))
        return true;
    // Small integers and booleans are single objects in Python.
    if (value.is(Kind::Boolean) || value.is(Kind::Integer))
        return value.asInteger() == other.asInteger();
    return value.heapPointer() != nullptr && value.heapPointer() == other.heapPointer();
}

bool isFilter(Runtime&, const Value& value, const CallArguments&) { return value.is(Kind::String) && findFilter(value.text().view()) != nullptr; }
bool isTest(Runtime&, const Value& value, const CallArguments&) { return value.is(Kind::String) && findTest(value.text().view()) != nullptr; }

}  // namespace

TestFunction findTest(std::string_view name)
{
    static const std::unordered_map<std::string_view, TestFunction> kTests = {
        {"defined", plain<isDefined>},
        {"undefined", plain<isUndefined>},
        {"none", plain<isNone>},
        {"boolean", plain<isBoolean>},
        {"true", plain<isTrueItself>},
        {"false", plain<isFalseItself>},
        {"integer", plain<isInteger>},
        {"float", plain<isReal>},
        {"string", plain<isString>},
        {"mapping", plain<isMapping>},
        {"number", plain<isNumber>},
        {"sequence", plain<isSequenceValue>},
        {"iterable", plain<isIterableValue>},
        {"callable", plain<isCallable>},
        {"escaped", plain<isEscaped>},
        {"lower", isLower},
        {"upper", isUpper},
        {"odd", isOdd},
        {"even", isEven},
        {"divisibleby", isDivisible},
        {"sameas", isSame},
        {"filter", isFilter},
        {"test", isTest},
        {"in", compared<Operator::In>},
        {"==", compared<Operator::Equal>},
        {"eq", compared<Operator::Equal>},
        {"equalto", compared<Operator::Equal>},
        {"!=", compared<Operator::NotEqual>},
        {"ne", compared<Operator::NotEqual>},
        {">", compared<Operator::Greater>},
        {"gt", compared<Operator::Greater>},
        {"greaterthan", compared<Operator::Greater>},
        {">=", compared<Operator::GreaterEqual>},
        {"ge", compared<Operator::GreaterEqual>},
        {"<", compared<Operator::Less>},
        {"lt", compared<Operator::Less>},
        {"lessthan", compared<Operator::Less>},
        {"<=", compared<Operator::LessEqual>},
        {"le", compared<Operator::LessEqual>},
    };
    const auto found = kTests.find(name);
    return found == kTests.end() ? nullptr : found->second;
}

}  // namespace lorikeet::jinja
