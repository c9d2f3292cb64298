// SPDX-License-Identifier: GPL-3.0-or-later
// The budget of a rendering and iteration over values.
#include "engine/tokenizer/jinja/runtime.h"

#include "engine/tokenizer/jinja/globals.h"
#include "engine/tokenizer/jinja/loop.h"
#include "engine/tokenizer/jinja/unicode.h"

namespace lorikeet::jinja {
namespace {

constexpr int kMaxEvaluationDepth = 1000;

Value viewItem(const DictViewValue& view, const std::pair<Value, Value>& entry)
{
    switch (view.part) {
    case DictViewValue::Part::Keys: return entry.first;
    case DictViewValue::Part::Values: return entry.second;
    case DictViewValue::Part::Items: break;
    }
    return Value::tuple({entry.first, entry.second});
}

bool nextCharacter(const Text& text, std::size_t& at, Value& item)
{
    if (at >= text.size())
        return false;
    const std::size_t begin = at;
    static_cast<void>(nextCodePoint(text.view(), at));
    item = Value::string(text.slice(begin, at));
    return true;
}

bool nextGenerated(GeneratorValue& generator, Value& item)
{
    if (generator.next < generator.items.size()) {
        item = generator.items[generator.next++];
        return true;
    }
    if (!generator.failure.empty())
        throw Failure(std::exchange(generator.failure, {}));
    return false;
}

}  // namespace

Runtime::Runtime(std::unordered_map<std::string, Value> variables, std::tm now, std::uint64_t steps)
    : m_variables(std::move(variables)), m_now(now), m_budget(steps)
{
}

Runtime::~Runtime()
{
    for (const auto& object : m_namespaces)
        object->attributes = DictValue();
    for (const FramePointer& frame : m_frames)
        frame->slots.clear();
}

Value Runtime::resolve(const std::string& name) const
{
    if (const auto found = m_variables.find(name); found != m_variables.end())
        return found->second;
    return globalFunction(name);
}

DepthGuard::DepthGuard(Runtime& runtime) : m_runtime(runtime)
{
    if (++runtime.evaluationDepth > kMaxEvaluationDepth) {
        --runtime.evaluationDepth;
        throw Failure("the template recurses deeper than " + std::to_string(kMaxEvaluationDepth) + " levels");
    }
}

bool isIterable(const Value& value) noexcept
{
    switch (value.kind()) {
    case Kind::None:
    case Kind::Boolean:
    case Kind::Integer:
    case Kind::Float: return false;
    case Kind::Object: return dynamic_cast<const LoopObject*>(&value.asObject()) != nullptr;
    default: return true;
    }
}

Cursor::Cursor(Runtime& runtime, Value source) : m_runtime(runtime), m_source(std::move(source))
{
    if (!isIterable(m_source))
        throw Failure("'" + std::string(typeName(m_source)) + "' object is not iterable");
    if (m_source.is(Kind::Object))
        throw Failure("iterating over the loop variable is not supported");
}

bool Cursor::next(Value& item)
{
    m_runtime.charge(1);
    switch (m_source.kind()) {
    case Kind::String: return nextCharacter(m_source.text(), m_at, item);
    case Kind::List:
    case Kind::Tuple:
        if (m_at >= m_source.items().size())
            return false;
        item = m_source.items()[m_at++];
        return true;
    case Kind::Dict:
        if (m_at >= m_source.asDict().entries.size())
            return false;
        item = m_source.asDict().entries[m_at++].first;
        return true;
    case Kind::DictView: {
        const auto& entries = m_source.asView().dict.asDict().entries;
        if (m_at >= entries.size())
            return false;
        item = viewItem(m_source.asView(), entries[m_at++]);
        return true;
    }
    case Kind::Range: {
        const RangeValue& range = m_source.asRange();
        if (m_at >= static_cast<std::size_t>(range.count))
            return false;
        item = Value::integer(range.start + static_cast<std::int64_t>(m_at++) * range.step);
        return true;
    }
    case Kind::Generator: return nextGenerated(m_source.asGenerator(), item);
    default: return false;
    }
}

std::vector<Value> itemsOf(Runtime& runtime, const Value& value)
{
    std::vector<Value> items;
    Cursor cursor(runtime, value);
    Value item;
    while (cursor.next(item))
        items.push_back(item);
    return items;
}

bool lengthOf(const Value& value, std::size_t& length)
{
    switch (value.kind()) {
    case Kind::Undefined: length = 0; return true;
    case Kind::String: length = value.asString().length(); return true;
    case Kind::List:
    case Kind::Tuple: length = value.items().size(); return true;
    case Kind::Dict: length = value.asDict().entries.size(); return true;
    case Kind::DictView: length = value.asView().dict.asDict().entries.size(); return true;
    case Kind::Range: length = static_cast<std::size_t>(value.asRange().count); return true;
    case Kind::Object:
        if (const auto* loop = dynamic_cast<const LoopObject*>(&value.asObject())) {
            length = loop->length();
            return true;
        }
        return false;
    default: return false;
    }
}

}  // namespace lorikeet::jinja
