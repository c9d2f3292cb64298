// SPDX-License-Identifier: GPL-3.0-or-later
// Attributes, items and slices.
#include "engine/tokenizer/jinja/lookup.h"

#include <algorithm>

#include "engine/tokenizer/jinja/compare.h"
#include "engine/tokenizer/jinja/representation.h"
#include "engine/tokenizer/jinja/unicode.h"

namespace lorikeet::jinja {
namespace {

// The attribute proper, without falling back to items; Missing where there is none.
Value ownAttribute(Runtime& runtime, const Value& object, std::string_view name)
{
    // Python's inner attributes exist on everything and are hidden by the sandbox.
    if (name.starts_with("__") && name.ends_with("__"))
        return Value::undefined("access to attribute " + quoted(name) + " of a " + quoted(typeName(object)) + " object is unsafe");
    if (object.is(Kind::Object)) {
        Value found = object.asObject().attribute(runtime, name);
        if (!found.is(Kind::Missing))
            return found;
    }
    if (changesItsObject(object, name))
        return Value::undefined("access to attribute " + quoted(name) + " of a " + quoted(typeName(object)) + " object is unsafe");
    const BoundMethod::Body body = object.is(Kind::String) ? findStringMethod(name) : findContainerMethod(object, name);
    return body != nullptr ? Value::object(std::make_shared<BoundMethod>(object, name, body)) : Value::missing();
}

// object[key] without falling back to attributes; Missing where Python raises TypeError or LookupError.
Value ownItem(const Value& object, const Value& key)
{
    if (object.is(Kind::Dict)) {
        const Value* found = isHashable(key) ? object.asDict().find(key) : nullptr;
        return found != nullptr ? *found : Value::missing();
    }
    if (!key.isIntegral())
        return Value::missing();
    std::size_t length = 0;
    const bool indexable = object.is(Kind::String) || object.isSequence() || object.is(Kind::Range);
    if (!indexable || !lengthOf(object, length))
        return Value::missing();
    const auto size = static_cast<std::int64_t>(length);
    std::int64_t index = key.asInteger();
    if (index < 0)
        index += size;
    if (index < 0 || index >= size)
        return Value::missing();
    const auto at = static_cast<std::size_t>(index);
    if (object.isSequence())
        return object.items()[at];
    if (object.is(Kind::Range))
        return Value::integer(object.asRange().start + index * object.asRange().step);
    const StringValue& string = object.asString();
    if (!string.isAscii())
        spendCharacters(string.text.size());
    const std::size_t begin = string.isAscii() ? at : byteOffset(string.text.view(), at);
    std::size_t end = begin;
    static_cast<void>(nextCodePoint(string.text.view(), end));
    return Value::string(string.text.slice(begin, end), string.markup);
}

std::string describeMissing(const Value& object, std::string_view what, std::string_view name)
{
    const std::string owner = object.is(Kind::None) ? "None" : "'" + std::string(typeName(object)) + " object'";
    return owner + " has no " + std::string(what) + " " + std::string(name);
}

struct SliceBounds {
    std::int64_t start;
    std::int64_t step;
    std::int64_t count;
};

std::int64_t boundOf(const Value& value, std::int64_t otherwise, std::int64_t size, std::int64_t lowest, std::int64_t highest)
{
    if (value.is(Kind::None))
        return otherwise;
    if (!value.isIntegral())
        throw Failure("slice indices must be integers or None, found '" + std::string(typeName(value)) + "'");
    std::int64_t bound = value.asInteger();
    if (bound < 0)
        bound = bound < -size ? lowest : bound + size;
    return std::clamp(bound, lowest, highest);
}

SliceBounds boundsOf(std::size_t length, const Value& start, const Value& stop, const Value& step)
{
    const auto size = static_cast<std::int64_t>(length);
    std::int64_t stride = 1;
    if (!step.is(Kind::None)) {
        if (!step.isIntegral())
            throw Failure("slice indices must be integers or None, found '" + std::string(typeName(step)) + "'");
        stride = std::clamp(step.asInteger(), -size - 1, size + 1);
        if (step.asInteger() == 0)
            throw Failure("slice step cannot be zero");
    }
    const bool forward = stride > 0;
    const std::int64_t lowest = forward ? 0 : -1;
    const std::int64_t highest = forward ? size : size - 1;
    const std::int64_t first = boundOf(start, forward ? 0 : size - 1, size, lowest, highest);
    const std::int64_t last = boundOf(stop, forward ? size : -1, size, lowest, highest);
    std::int64_t count = 0;
    if (forward && first < last)
        count = (last - first - 1) / stride + 1;
    else if (!forward && first > last)
        count = (first - last - 1) / -stride + 1;
    return {first, stride, count};
}

Text sliceText(const StringValue& string, const SliceBounds& bounds)
{
    const std::string_view view = string.text.view();
    const auto offset = [&](std::int64_t index) {
        return string.isAscii() ? static_cast<std::size_t>(index) : byteOffset(view, static_cast<std::size_t>(index));
    };
    if (bounds.step == 1 || bounds.count == 0) {
        const std::size_t begin = offset(std::max<std::int64_t>(bounds.start, 0));
        return string.text.slice(begin, bounds.count == 0 ? begin : offset(bounds.start + bounds.count));
    }
    spendMapping(view.size());
    std::vector<std::size_t> starts;
    for (std::size_t at = 0; at < view.size(); static_cast<void>(nextCodePoint(view, at)))
        starts.push_back(at);
    starts.push_back(view.size());
    Text result;
    for (std::int64_t i = 0; i < bounds.count; ++i) {
        const auto index = static_cast<std::size_t>(bounds.start + i * bounds.step);
        result.append(string.text, starts[index], starts[index + 1]);
    }
    return result;
}

}  // namespace

Value attributeOf(Runtime& runtime, const Value& object, std::string_view name)
{
    if (object.is(Kind::Undefined))
        throw Failure(object.asUndefined().message);
    Value found = ownAttribute(runtime, object, name);
    if (found.is(Kind::Missing) && object.is(Kind::Dict)) {
        const Value* item = object.asDict().find(name);
        if (item != nullptr)
            return *item;
    }
    return found.is(Kind::Missing) ? Value::undefined(describeMissing(object, "attribute", quoted(name))) : found;
}

Value itemOf(Runtime& runtime, const Value& object, const Value& key)
{
    if (object.is(Kind::Undefined))
        throw Failure(object.asUndefined().message);
    Value found = ownItem(object, key);
    if (found.is(Kind::Missing) && key.is(Kind::String))
        found = ownAttribute(runtime, object, key.text().view());
    if (!found.is(Kind::Missing))
        return found;
    return Value::undefined(describeMissing(object, key.is(Kind::String) ? "attribute" : "element", reprOf(runtime, key).bytes()));
}

Value sliceOf(Runtime& runtime, const Value& object, const Value& start, const Value& stop, const Value& step)
{
    if (object.is(Kind::Undefined))
        throw Failure(object.asUndefined().message);
    std::size_t length = 0;
    const bool sliceable = object.is(Kind::String) || object.isSequence() || object.is(Kind::Range);
    if (!sliceable || !lengthOf(object, length))
        throw Failure("'" + std::string(typeName(object)) + "' object cannot be sliced");
    const SliceBounds bounds = boundsOf(length, start, stop, step);
    if (object.is(Kind::String)) {
        spendCharacters(object.text().size());
        return Value::string(sliceText(object.asString(), bounds), object.asString().markup);
    }
    if (object.is(Kind::Range)) {
        const RangeValue& range = object.asRange();
        const std::int64_t first = range.start + bounds.start * range.step;
        const std::int64_t stride = range.step * bounds.step;
        return Value::range(first, first + stride * bounds.count, stride);
    }
    runtime.charge(static_cast<std::uint64_t>(bounds.count));
    std::vector<Value> items;
    for (std::int64_t i = 0; i < bounds.count; ++i)
        items.push_back(object.items()[static_cast<std::size_t>(bounds.start + i * bounds.step)]);
    return object.is(Kind::List) ? Value::list(std::move(items)) : Value::tuple(std::move(items));
}

}  // namespace lorikeet::jinja
