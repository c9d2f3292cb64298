// SPDX-License-Identifier: GPL-3.0-or-later
// Making values and asking for their parts.
#include "engine/tokenizer/jinja/heap_values.h"

#include <algorithm>

#include "engine/tokenizer/jinja/compare.h"
#include "engine/tokenizer/jinja/failure.h"
#include "engine/tokenizer/jinja/loop.h"
#include "engine/tokenizer/jinja/unicode.h"

namespace lorikeet::jinja {
namespace {

constexpr std::size_t kIndexFrom = 9;  // below this a linear search is faster than hashing
constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

Value sequence(Kind kind, std::vector<Value> items)
{
    auto made = std::make_shared<SequenceValue>();
    made->depth = deeperThan(items);
    made->items = std::move(items);
    return Value::heap(kind, std::move(made));
}

}  // namespace

Value Value::boolean(bool value) noexcept
{
    Value result(Kind::Boolean);
    result.m_number.integer = value ? 1 : 0;
    return result;
}

Value Value::integer(std::int64_t value) noexcept
{
    Value result(Kind::Integer);
    result.m_number.integer = value;
    return result;
}

Value Value::real(double value) noexcept
{
    Value result(Kind::Float);
    result.m_number.real = value;
    return result;
}

Value Value::string(Text text, bool markup)
{
    return heap(Kind::String, std::make_shared<StringValue>(std::move(text), markup));
}

Value Value::list(std::vector<Value> items)
{
    return sequence(Kind::List, std::move(items));
}

Value Value::tuple(std::vector<Value> items)
{
    return sequence(Kind::Tuple, std::move(items));
}

Value Value::dict(std::shared_ptr<DictValue> entries)
{
    return heap(Kind::Dict, std::move(entries));
}

Value Value::range(std::int64_t start, std::int64_t stop, std::int64_t step)
{
    auto made = std::make_shared<RangeValue>();
    made->start = start;
    made->step = step;
    made->stop = stop;
    // Unsigned differences cannot overflow.
    if (step > 0 && start < stop)
        made->count = static_cast<std::int64_t>((static_cast<std::uint64_t>(stop) - static_cast<std::uint64_t>(start) - 1)
                                                / static_cast<std::uint64_t>(step) + 1);
    else if (step < 0 && start > stop)
        made->count = static_cast<std::int64_t>((static_cast<std::uint64_t>(start) - static_cast<std::uint64_t>(stop) - 1)
                                                / (std::uint64_t{0} - static_cast<std::uint64_t>(step)) + 1);
    return heap(Kind::Range, std::move(made));
}

Value Value::generator(std::vector<Value> items)
{
    auto made = std::make_shared<GeneratorValue>();
    made->depth = deeperThan(items);
    made->items = std::move(items);
    return heap(Kind::Generator, std::move(made));
}

Value Value::object(std::shared_ptr<ObjectValue> object)
{
    return heap(Kind::Object, std::move(object));
}

Value Value::undefined(std::string message)
{
    return heap(Kind::Undefined, std::make_shared<UndefinedValue>(std::move(message)));
}

Value Value::undefinedName(std::string_view name)
{
    return undefined("'" + std::string(name) + "' is undefined");
}

double Value::asReal() const noexcept
{
    return m_kind == Kind::Float ? m_number.real : static_cast<double>(m_number.integer);
}

const StringValue& Value::asString() const noexcept { return static_cast<const StringValue&>(*m_heap); }
const Text& Value::text() const noexcept { return asString().text; }
const std::vector<Value>& Value::items() const noexcept { return static_cast<const SequenceValue&>(*m_heap).items; }
const DictValue& Value::asDict() const noexcept { return static_cast<const DictValue&>(*m_heap); }
const DictViewValue& Value::asView() const noexcept { return static_cast<const DictViewValue&>(*m_heap); }
const RangeValue& Value::asRange() const noexcept { return static_cast<const RangeValue&>(*m_heap); }
GeneratorValue& Value::asGenerator() const noexcept { return static_cast<GeneratorValue&>(*m_heap); }
ObjectValue& Value::asObject() const noexcept { return static_cast<ObjectValue&>(*m_heap); }
const UndefinedValue& Value::asUndefined() const noexcept { return static_cast<const UndefinedValue&>(*m_heap); }

std::size_t StringValue::length() const
{
    if (m_length == kNowhere)
        m_length = countCodePoints(text.view());
    return m_length;
}

std::size_t DictValue::indexOf(const Value& key) const
{
    const std::size_t hash = hashOf(key);
    if (m_index.empty()) {
        for (std::size_t i = 0; i < entries.size(); ++i)
            if (equal(entries[i].first, key))
                return i;
        return kNowhere;
    }
    for (auto [at, end] = m_index.equal_range(hash); at != end; ++at)
        if (equal(entries[at->second].first, key))
            return at->second;
    return kNowhere;
}

void DictValue::set(const Value& key, Value value)
{
    depth = std::max(depth, std::max(nestingOf(key), nestingOf(value)) + 1);
    if (depth > kMaxNesting)
        throw Failure("values nest deeper than " + std::to_string(kMaxNesting) + " levels");
    if (const std::size_t index = indexOf(key); index != kNowhere) {
        entries[index].second = std::move(value);
        return;
    }
    entries.emplace_back(key, std::move(value));
    if (entries.size() == kIndexFrom)
        for (std::size_t i = 0; i < entries.size(); ++i)
            m_index.emplace(hashOf(entries[i].first), i);
    else if (entries.size() > kIndexFrom)
        m_index.emplace(hashOf(key), entries.size() - 1);
}

const Value* DictValue::find(const Value& key) const
{
    const std::size_t index = indexOf(key);
    return index == kNowhere ? nullptr : &entries[index].second;
}

const Value* DictValue::find(std::string_view key) const
{
    if (m_index.empty()) {
        for (const auto& [name, value] : entries)
            if (name.is(Kind::String) && name.text().view() == key)
                return &value;
        return nullptr;
    }
    return find(Value::string(std::string(key)));
}

Value ObjectValue::attribute(Runtime&, std::string_view)
{
    return Value::missing();
}

Value ObjectValue::call(Runtime&, const CallArguments&)
{
    throw Failure("'" + std::string(typeName()) + "' object is not callable");
}

std::string_view typeName(const Value& value) noexcept
{
    switch (value.kind()) {
    case Kind::Missing:
    case Kind::Undefined: return "Undefined";
    case Kind::None: return "NoneType";
    case Kind::Boolean: return "bool";
    case Kind::Integer: return "int";
    case Kind::Float: return "float";
    case Kind::String: return value.asString().markup ? "Markup" : "str";
    case Kind::List: return "list";
    case Kind::Tuple: return "tuple";
    case Kind::Dict: return "dict";
    case Kind::DictView: {
        constexpr std::string_view names[] = {"dict_keys", "dict_values", "dict_items"};
        return names[static_cast<int>(value.asView().part)];
    }
    case Kind::Range: return "range";
    case Kind::Generator: return "generator";
    case Kind::Object: return value.asObject().typeName();
    }
    return "object";
}

bool isTrue(const Value& value)
{
    switch (value.kind()) {
    case Kind::Missing:
    case Kind::Undefined:
    case Kind::None: return false;
    case Kind::Boolean:
    case Kind::Integer: return value.asInteger() != 0;
    case Kind::Float: return value.asReal() != 0.0;
    case Kind::String: return !value.text().empty();
    case Kind::List:
    case Kind::Tuple: return !value.items().empty();
    case Kind::Dict: return !value.asDict().entries.empty();
    case Kind::DictView: return !value.asView().dict.asDict().entries.empty();
    case Kind::Range: return value.asRange().count != 0;
    case Kind::Generator: return true;
    case Kind::Object:
        if (const auto* loop = dynamic_cast<const LoopObject*>(&value.asObject()))
            return loop->length() != 0;
        return true;
    }
    return true;
}

int nestingOf(const Value& value) noexcept
{
    switch (value.kind()) {
    case Kind::List:
    case Kind::Tuple: return static_cast<const SequenceValue&>(*value.heapPointer()).depth;
    case Kind::Dict: return value.asDict().depth;
    case Kind::DictView: return value.asView().dict.asDict().depth + 1;
    case Kind::Generator: return value.asGenerator().depth;
    case Kind::Object: return value.asObject().depth;
    default: return 0;
    }
}

int deeperThan(const std::vector<Value>& values)
{
    int depth = 1;
    for (const Value& value : values)
        depth = std::max(depth, nestingOf(value) + 1);
    if (depth > kMaxNesting)
        throw Failure("values nest deeper than " + std::to_string(kMaxNesting) + " levels");
    return depth;
}

}  // namespace lorikeet::jinja
