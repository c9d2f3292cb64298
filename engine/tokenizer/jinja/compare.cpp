// SPDX-License-Identifier: GPL-3.0-or-later
// Equality, order, membership and hashes, as Python defines them between its built-in types.
#include "engine/tokenizer/jinja/compare.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "engine/tokenizer/jinja/budget.h"
#include "engine/tokenizer/jinja/failure.h"
#include "engine/tokenizer/jinja/runtime.h"
#include "engine/tokenizer/jinja/string_operations.h"

namespace lorikeet::jinja {
namespace {

bool equalDicts(const DictValue& a, const DictValue& b)
{
    if (a.entries.size() != b.entries.size())
        return false;
    return std::all_of(a.entries.begin(), a.entries.end(), [&](const auto& entry) {
        const Value* other = b.find(entry.first);
        return other != nullptr && equal(entry.second, *other);
    });
}

bool equalItems(const std::vector<Value>& a, const std::vector<Value>& b)
{
    if (a.size() != b.size())
        return false;
    return std::equal(a.begin(), a.end(), b.begin(), [](const Value& x, const Value& y) { return equal(x, y); });
}

bool equalRanges(const RangeValue& a, const RangeValue& b)
{
    if (a.count != b.count)
        return false;
    return a.count == 0 || (a.start == b.start && (a.count == 1 || a.step == b.step));
}

std::string_view symbolOf(Order order)
{
    constexpr std::string_view symbols[] = {"<", "<=", ">", ">="};
    return symbols[static_cast<int>(order)];
}

bool holds(int comparison, Order order)
{
    switch (order) {
    case Order::Less: return comparison < 0;
    case Order::LessEqual: return comparison <= 0;
    case Order::Greater: return comparison > 0;
    case Order::GreaterEqual: return comparison >= 0;
    }
    return false;
}

// -1, 0, 1 of an integer against a finite or infinite double, without rounding.
int compareExactly(std::int64_t integer, double real)
{
    if (real >= 9223372036854775808.0)
        return -1;
    if (real < -9223372036854775808.0)
        return 1;
    const auto whole = static_cast<std::int64_t>(real);
    if (integer != whole)
        return integer < whole ? -1 : 1;
    const double rest = real - static_cast<double>(whole);
    return rest > 0 ? -1 : rest < 0 ? 1 : 0;
}

std::size_t mix(std::size_t seed, std::size_t value)
{
    return seed * 1000003u ^ value;
}

}  // namespace

int compareNumbers(const Value& a, const Value& b)
{
    if (a.isIntegral() && b.isIntegral())
        return a.asInteger() < b.asInteger() ? -1 : a.asInteger() > b.asInteger() ? 1 : 0;
    if (std::isnan(a.asReal()) || std::isnan(b.asReal()))
        return 2;
    if (a.isIntegral())
        return compareExactly(a.asInteger(), b.asReal());
    if (b.isIntegral())
        return -compareExactly(b.asInteger(), a.asReal());
    return a.asReal() < b.asReal() ? -1 : a.asReal() > b.asReal() ? 1 : 0;
}

bool equal(const Value& a, const Value& b)
{
    spend(1);
    if (a.isNumber() && b.isNumber())
        return compareNumbers(a, b) == 0;
    if (a.kind() != b.kind())
        return false;
    switch (a.kind()) {
    case Kind::Missing:
    case Kind::Undefined:
    case Kind::None: return true;
    case Kind::String:
        if (a.text().size() != b.text().size())
            return false;
        spendBytes(a.text().size());
        return a.text().view() == b.text().view();
    case Kind::List:
    case Kind::Tuple: return a.heapPointer() == b.heapPointer() || equalItems(a.items(), b.items());
    case Kind::Dict: return a.heapPointer() == b.heapPointer() || equalDicts(a.asDict(), b.asDict());
    case Kind::Range: return equalRanges(a.asRange(), b.asRange());
    default: return a.heapPointer() == b.heapPointer();
    }
}

bool ordered(const Value& a, Order order, const Value& b)
{
    if (a.is(Kind::Undefined) || b.is(Kind::Undefined))
        throw Failure((a.is(Kind::Undefined) ? a : b).asUndefined().message);
    if (a.isNumber() && b.isNumber()) {
        const int comparison = compareNumbers(a, b);
        return comparison != 2 && holds(comparison, order);
    }
    if (a.is(Kind::String) && b.is(Kind::String)) {
        spendBytes(std::min(a.text().size(), b.text().size()));
        const int comparison = a.text().view().compare(b.text().view());  // UTF-8 sorts like code points
        return holds(comparison, order);
    }
    if (a.isSequence() && a.kind() == b.kind()) {
        const std::size_t common = std::min(a.items().size(), b.items().size());
        for (std::size_t i = 0; i < common; ++i)
            if (!equal(a.items()[i], b.items()[i]))
                return ordered(a.items()[i], order, b.items()[i]);
        const int comparison = a.items().size() < b.items().size() ? -1 : a.items().size() > b.items().size() ? 1 : 0;
        return holds(comparison, order);
    }
    throw Failure("'" + std::string(symbolOf(order)) + "' not supported between '" + std::string(typeName(a)) + "' and '"
                  + std::string(typeName(b)) + "'");
}

bool isHashable(const Value& value)
{
    spend(1);
    if (value.is(Kind::Tuple))
        return std::all_of(value.items().begin(), value.items().end(), isHashable);
    return !value.is(Kind::List) && !value.is(Kind::Dict) && !value.is(Kind::DictView);
}

std::size_t hashOf(const Value& value)
{
    switch (value.kind()) {
    case Kind::Missing:
    case Kind::Undefined:
    case Kind::None: return static_cast<std::size_t>(value.kind()) + 101;
    case Kind::Boolean:
    case Kind::Integer: return std::hash<std::int64_t>{}(value.asInteger());
    case Kind::Float: {
        const double real = value.asReal();
        if (real >= -9e18 && real <= 9e18 && std::trunc(real) == real)
            return std::hash<std::int64_t>{}(static_cast<std::int64_t>(real));
        return std::hash<double>{}(real);
    }
    case Kind::String:
        spendBytes(value.text().size());
        return std::hash<std::string_view>{}(value.text().view());
    case Kind::Tuple: {
        std::size_t hash = 0x345678;
        spend(value.items().size());
        for (const Value& item : value.items())
            hash = mix(hash, hashOf(item));
        return hash;
    }
    case Kind::Range: return static_cast<std::size_t>(value.asRange().count) + 907;
    case Kind::List:
    case Kind::Dict:
    case Kind::DictView: throw Failure("unhashable type: '" + std::string(typeName(value)) + "'");
    case Kind::Generator:
    case Kind::Object: return std::hash<const void*>{}(value.heapPointer().get());
    }
    return 0;
}

bool contains(Runtime& runtime, const Value& hay, const Value& needle)
{
    switch (hay.kind()) {
    case Kind::Undefined: return false;
    case Kind::String:
        if (!needle.is(Kind::String))
            throw Failure("'in <string>' requires string as left operand, not " + std::string(typeName(needle)));
        return findText(hay.text().view(), needle.text().view(), 0) != std::string_view::npos;
    case Kind::Dict:
        return hay.asDict().find(needle) != nullptr || (static_cast<void>(hashOf(needle)), false);
    case Kind::DictView:
        if (hay.asView().part == DictViewValue::Part::Keys)
            return contains(runtime, hay.asView().dict, needle);
        [[fallthrough]];
    default: break;
    }
    if (hay.isSequence()) {
        return std::any_of(hay.items().begin(), hay.items().end(), [&](const Value& item) { return equal(item, needle); });
    }
    // Everything else is searched by iterating; a generator is read up to the match.
    Cursor cursor(runtime, hay);
    Value item;
    while (cursor.next(item))
        if (equal(item, needle))
            return true;
    return false;
}

}  // namespace lorikeet::jinja
