// SPDX-License-Identifier: GPL-3.0-or-later
// Filters on lists, dicts and other iterables.
#include <algorithm>
#include <functional>
#include <unordered_map>

#include "engine/tokenizer/jinja/arguments.h"
#include "engine/tokenizer/jinja/compare.h"
#include "engine/tokenizer/jinja/filters.h"
#include "engine/tokenizer/jinja/lookup.h"
#include "engine/tokenizer/jinja/operators.h"
#include "engine/tokenizer/jinja/representation.h"
#include "engine/tokenizer/jinja/tests.h"
#include "engine/tokenizer/jinja/unicode.h"

namespace lorikeet::jinja {
namespace {

Value ignoringCase(const Value& value)
{
    return value.is(Kind::String) ? Value::string(lowerCase(value.text())) : value;
}

/// The key a filter looks at: the item itself or what `attribute` names, without case unless asked for.
class KeyOf {
public:
    KeyOf(Runtime& runtime, Value attribute, bool caseSensitive) : m_runtime(runtime), m_attribute(std::move(attribute)), m_caseSensitive(caseSensitive) {}

    Value operator()(const Value& item) const
    {
        const Value key = m_attribute.is(Kind::None) || m_attribute.is(Kind::Missing) ? item : attributePath(m_runtime, item, m_attribute);
        return m_caseSensitive ? key : ignoringCase(key);
    }

private:
    Runtime& m_runtime;
    Value m_attribute;
    bool m_caseSensitive;
};

// Python's sorted(): stable, also when reversed.
void sortByKeys(Runtime& runtime, std::vector<Value>& items, const std::function<Value(const Value&)>& key, bool reverse)
{
    runtime.charge(items.size() * 4);
    std::vector<std::pair<Value, Value>> keyed;
    for (Value& item : items)
        keyed.emplace_back(key(item), std::move(item));
    const auto less = [&](const auto& a, const auto& b) {
        runtime.charge(3);
        return reverse ? ordered(b.first, Order::Less, a.first) : ordered(a.first, Order::Less, b.first);
    };
    std::stable_sort(keyed.begin(), keyed.end(), less);
    for (std::size_t i = 0; i < items.size(); ++i)
        items[i] = std::move(keyed[i].second);
}

Value length(Runtime&, const Value& value, const CallArguments& arguments)
{
    BoundArguments("length", arguments, {});
    std::size_t size = 0;
    if (!lengthOf(value, size))
        throw Failure("object of type '" + std::string(typeName(value)) + "' has no len()");
    return Value::integer(static_cast<std::int64_t>(size));
}

Value defaulted(Runtime&, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("default", arguments, {"default_value", "boolean"});
    if (value.is(Kind::Undefined) || (bound.truth(1, false) && !isTrue(value)))
        return bound.has(0) ? bound[0] : Value::string("");
    return value;
}

Value list(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    BoundArguments("list", arguments, {});
    return Value::list(itemsOf(runtime, value));
}

Value items(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    BoundArguments("items", arguments, {});
    if (value.is(Kind::Undefined))
        return Value::generator({});
    if (!value.is(Kind::Dict)) {
        // Python's generator fails when it is read, not when it is made.
        Value generator = Value::generator({});
        generator.asGenerator().failure = "can only get item pairs from a mapping";
        return generator;
    }
    return Value::generator(itemsOf(runtime, Value::heap(Kind::DictView, std::make_shared<DictViewValue>(value, DictViewValue::Part::Items))));
}

Value first(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    BoundArguments("first", arguments, {});
    Cursor cursor(runtime, value);
    Value item;
    return cursor.next(item) ? item : Value::undefined("no first item, the sequence was empty");
}

Value last(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    BoundArguments("last", arguments, {});
    if (value.is(Kind::Generator))
        throw Failure("'generator' object is not reversible");
    if (value.is(Kind::Undefined))
        return Value::undefined("no last item, the sequence was empty");
    const std::vector<Value> all = itemsOf(runtime, value);
    return all.empty() ? Value::undefined("no last item, the sequence was empty") : all.back();
}

Value join(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("join", arguments, {"d", "attribute"});
    const Text separator = bound.has(0) ? textOf(runtime, bound[0]) : Text();
    Text result;
    bool isFirst = true;
    Cursor cursor(runtime, value);
    Value item;
    while (cursor.next(item)) {
        if (!std::exchange(isFirst, false))
            result.append(separator);
        const Text part = textOf(runtime, bound.hasValue(1) ? attributePath(runtime, item, bound[1]) : item);
        runtime.chargeBytes(part.size() + separator.size());
        result.append(part);
    }
    return Value::string(std::move(result));
}

Value dictSort(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("dictsort", arguments, {"case_sensitive", "by", "reverse"});
    const bool caseSensitive = bound.truth(0, false);
    const std::string_view by = bound.has(1) ? bound.text(1).view() : "key";
    if (by != "key" && by != "value")
        throw Failure("dictsort() sorts by either \"key\" or \"value\"");
    if (value.is(Kind::Undefined))
        throw Failure(value.asUndefined().message);
    if (!value.is(Kind::Dict))
        throw Failure("'" + std::string(typeName(value)) + "' object has no attribute 'items'");
    std::vector<Value> pairs;
    for (const auto& [key, item] : value.asDict().entries)
        pairs.push_back(Value::tuple({key, item}));
    const std::size_t part = by == "key" ? 0 : 1;
    sortByKeys(runtime, pairs, [&](const Value& pair) { return caseSensitive ? pair.items()[part] : ignoringCase(pair.items()[part]); }, bound.truth(2, false));
    return Value::list(std::move(pairs));
}

Value sort(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("sort", arguments, {"reverse", "case_sensitive", "attribute"});
    std::vector<Value> all = itemsOf(runtime, value);
    std::vector<KeyOf> keys;
    const bool caseSensitive = bound.truth(1, false);
    if (bound.has(2) && bound[2].is(Kind::String)) {
        std::string_view rest = bound.text(2).view();
        for (std::size_t comma = 0; comma != std::string_view::npos; rest = comma == std::string_view::npos ? rest : rest.substr(comma + 1)) {
            comma = rest.find(',');
            keys.emplace_back(runtime, Value::string(std::string(rest.substr(0, comma))), caseSensitive);
        }
    } else {
        keys.emplace_back(runtime, bound.has(2) ? bound[2] : Value(), caseSensitive);
    }
    const auto keyOf = [&](const Value& item) {
        std::vector<Value> parts;
        for (const KeyOf& key : keys)
            parts.push_back(key(item));
        return Value::list(std::move(parts));
    };
    sortByKeys(runtime, all, keyOf, bound.truth(0, false));
    return Value::list(std::move(all));
}

Value unique(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("unique", arguments, {"case_sensitive", "attribute"});
    const KeyOf key(runtime, bound.has(1) ? bound[1] : Value(), bound.truth(0, false));
    DictValue seen;
    std::vector<Value> kept;
    for (const Value& item : itemsOf(runtime, value)) {
        const Value k = key(item);
        runtime.charge(4);
        if (seen.find(k) != nullptr)
            continue;
        seen.set(k, Value());
        kept.push_back(item);
    }
    return Value::generator(std::move(kept));
}

Value extreme(Runtime& runtime, const Value& value, const CallArguments& arguments, const char* name, Order better)
{
    const BoundArguments bound(name, arguments, {"case_sensitive", "attribute"});
    const KeyOf key(runtime, bound.has(1) ? bound[1] : Value(), bound.truth(0, false));
    const std::vector<Value> all = itemsOf(runtime, value);
    if (all.empty())
        return Value::undefined("no aggregated item, the sequence was empty");
    Value best = all.front();
    Value bestKey = key(best);
    for (std::size_t i = 1; i < all.size(); ++i) {
        const Value k = key(all[i]);
        if (ordered(k, better, bestKey)) {
            best = all[i];
            bestKey = k;
        }
    }
    return best;
}

Value minimum(Runtime& runtime, const Value& value, const CallArguments& arguments) { return extreme(runtime, value, arguments, "min", Order::Less); }
Value maximum(Runtime& runtime, const Value& value, const CallArguments& arguments) { return extreme(runtime, value, arguments, "max", Order::Greater); }

Value sum(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("sum", arguments, {"attribute", "start"});
    Value total = bound.has(1) ? bound[1] : Value::integer(0);
    if (total.is(Kind::String))
        throw Failure("sum() cannot sum strings");
    for (const Value& item : itemsOf(runtime, value))
        total = binary(runtime, Operator::Add, total, bound.hasValue(0) ? attributePath(runtime, item, bound[0]) : item);
    return total;
}

Value reverse(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    BoundArguments("reverse", arguments, {});
    if (value.is(Kind::String))
        return sliceOf(runtime, value, Value(), Value(), Value::integer(-1));
    std::vector<Value> all = itemsOf(runtime, value);
    std::reverse(all.begin(), all.end());
    // reversed() gives an iterator; what cannot be reversed becomes a list.
    return value.is(Kind::Generator) ? Value::list(std::move(all)) : Value::generator(std::move(all));
}

Value batch(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("batch", arguments, {"linecount", "fill_with"}, 1);
    const std::int64_t count = bound.integer(0, 1);
    std::vector<Value> batches;
    std::vector<Value> row;
    for (const Value& item : itemsOf(runtime, value)) {
        if (static_cast<std::int64_t>(row.size()) == count)
            batches.push_back(Value::list(std::exchange(row, {})));
        row.push_back(item);
    }
    if (!row.empty()) {
        if (bound.hasValue(1) && static_cast<std::int64_t>(row.size()) < count) {
            runtime.charge(static_cast<std::uint64_t>(count));
            row.resize(static_cast<std::size_t>(count), bound[1]);
        }
        batches.push_back(Value::list(std::move(row)));
    }
    return Value::generator(std::move(batches));
}

Value slices(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("slice", arguments, {"slices", "fill_with"}, 1);
    const std::int64_t count = bound.integer(0, 1);
    const std::vector<Value> all = itemsOf(runtime, value);
    if (count == 0)
        throw Failure("integer division or modulo by zero");
    runtime.charge(static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0)));
    std::vector<Value> result;
    std::size_t at = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const auto n = static_cast<std::size_t>(count);
        const bool extra = static_cast<std::size_t>(i) < all.size() % n;
        const std::size_t size = all.size() / n + (extra ? 1 : 0);
        std::vector<Value> part(all.begin() + static_cast<std::ptrdiff_t>(at), all.begin() + static_cast<std::ptrdiff_t>(at + size));
        at += size;
        if (bound.hasValue(1) && !extra)
            part.push_back(bound[1]);
        result.push_back(Value::list(std::move(part)));
    }
    return Value::generator(std::move(result));
}

Value groupBy(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
    const bool caseSensitive = bound.truth(2, false);
    const auto realKey = [&](const Value& item) {
        Value key = attributePath(runtime, item, bound[0]);
        return key.is(Kind::Undefined) && bound.hasValue(1) ? bound[1] : key;
    };
    const auto keyOf = [&](const Value& item) { return caseSensitive ? realKey(item) : ignoringCase(realKey(item)); };
    std::vector<Value> all = itemsOf(runtime, value);
    sortByKeys(runtime, all, keyOf, false);
    std::vector<Value> groups;
    for (std::size_t i = 0; i < all.size();) {
        const Value key = keyOf(all[i]);
        std::vector<Value> members;
        const Value shown = realKey(all[i]);
        for (; i < all.size() && equal(keyOf(all[i]), key); ++i)
            members.push_back(all[i]);
        groups.push_back(Value::tuple({shown, Value::list(std::move(members))}));
    }
    return Value::list(std::move(groups));
}

Value attribute(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("attr", arguments, {"name"}, 1);
    if (value.is(Kind::Dict) && findContainerMethod(value, bound.text(0).view()) == nullptr)
        return Value::undefined("'dict' object has no attribute " + quoted(bound.text(0).view()));
    return attributeOf(runtime, value, bound.text(0).view());
}

// Runs over a lazily read iterable eagerly; a failure is kept for the moment when the result is read that far.
template <typename Visit>
Value generated(Runtime& runtime, const Value& value, Visit&& visit)
{
    std::vector<Value> kept;
    std::string failure;
    if (isTrue(value)) {
        try {
            Cursor cursor(runtime, value);
            Value item;
            while (cursor.next(item))
                visit(item, kept);
        } catch (const Failure& f) {
            if (f.kind() == Failure::Kind::Raised)
                throw;
            failure = f.message();
        }
    }
    Value generator = Value::generator(std::move(kept));
    generator.asGenerator().failure = std::move(failure);
    return generator;
}

Value map(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    if (arguments.positional.empty()) {
        const BoundArguments bound("map", arguments, {"attribute", "default"}, 1);
        return generated(runtime, value, [&](const Value& item, std::vector<Value>& kept) {
            Value found = attributePath(runtime, item, bound[0]);
            kept.push_back(found.is(Kind::Undefined) && bound.hasValue(1) ? bound[1] : found);
        });
    }
    return generated(runtime, value, [&](const Value& item, std::vector<Value>& kept) {
        const Value& name = arguments.positional[0];
        const FilterFunction filter = name.is(Kind::String) ? findFilter(name.text().view()) : nullptr;
        if (filter == nullptr)
            throw Failure("filter " + reprOf(runtime, name).bytes() + " is not supported");
        kept.push_back(filter(runtime, item, {{arguments.positional.begin() + 1, arguments.positional.end()}, arguments.named}));
    });
}

// select, reject, selectattr, rejectattr
Value chosen(Runtime& runtime, const Value& value, const CallArguments& arguments, bool wanted, bool byAttribute)
{
    return generated(runtime, value, [&](const Value& item, std::vector<Value>& kept) {
        const std::size_t offset = byAttribute ? 1 : 0;
        if (arguments.positional.size() < offset)
            throw Failure("missing parameter for attribute name");
        const Value subject = byAttribute ? attributePath(runtime, item, arguments.positional[0]) : item;
        bool holds = false;
        if (arguments.positional.size() > offset) {
            const Value& name = arguments.positional[offset];
            const TestFunction test = name.is(Kind::String) ? findTest(name.text().view()) : nullptr;
            if (test == nullptr)
                throw Failure("test " + reprOf(runtime, name).bytes() + " is not supported");
            const auto rest = arguments.positional.begin() + static_cast<std::ptrdiff_t>(offset) + 1;
            holds = test(runtime, subject, {{rest, arguments.positional.end()}, arguments.named});
        } else {
            holds = isTrue(subject);
        }
        if (holds == wanted)
            kept.push_back(item);
    });
}

Value select(Runtime& runtime, const Value& value, const CallArguments& arguments) { return chosen(runtime, value, arguments, true, false); }
Value reject(Runtime& runtime, const Value& value, const CallArguments& arguments) { return chosen(runtime, value, arguments, false, false); }
Value selectAttr(Runtime& runtime, const Value& value, const CallArguments& arguments) { return chosen(runtime, value, arguments, true, true); }
Value rejectAttr(Runtime& runtime, const Value& value, const CallArguments& arguments) { return chosen(runtime, value, arguments, false, true); }

}  // namespace

const std::vector<NamedFilter>& sequenceFilters()
{
    static const std::vector<NamedFilter> kFilters = {
        {"length", length},   {"count", length},   {"default", defaulted}, {"d", defaulted},     {"list", list},
        {"items", items},     {"first", first},    {"last", last},         {"join", join},       {"dictsort", dictSort},
        {"sort", sort},       {"unique", unique},  {"min", minimum},       {"max", maximum},     {"sum", sum},
        {"reverse", reverse}, {"batch", batch},    {"slice", slices},      {"groupby", groupBy}, {"attr", attribute},
        {"map", map},         {"select", select},  {"reject", reject},     {"selectattr", selectAttr}, {"rejectattr", rejectAttr},
    };
    return kFilters;
}

}  // namespace lorikeet::jinja
