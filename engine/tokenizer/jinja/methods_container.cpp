// SPDX-License-Identifier: GPL-3.0-or-later
// The methods of dicts, lists, tuples and of the objects that globals make.
#include <algorithm>

#include "engine/tokenizer/jinja/arguments.h"
#include "engine/tokenizer/jinja/compare.h"
#include "engine/tokenizer/jinja/loop.h"
#include "engine/tokenizer/jinja/lookup.h"

namespace lorikeet::jinja {

namespace {

template <DictViewValue::Part Part>
Value view(Runtime&, const Value& self, const CallArguments& arguments)
{
    BoundArguments("dict method", arguments, {});
    return Value::heap(Kind::DictView, std::make_shared<DictViewValue>(self, Part));
}

Value get(Runtime&, const Value& self, const CallArguments& arguments)
{
    if (!arguments.named.empty())
        throw Failure("get() takes no keyword arguments");
    const BoundArguments bound("get", arguments, {"key", "default"}, 1);
    static_cast<void>(hashOf(bound[0]));
    const Value* found = self.asDict().find(bound[0]);
    if (found != nullptr)
        return *found;
    return bound.has(1) ? bound[1] : Value();
}

Value copy(Runtime&, const Value& self, const CallArguments& arguments)
{
    BoundArguments("copy", arguments, {});
    return self;  // nothing can change it
}

Value indexOf(Runtime& runtime, const Value& self, const CallArguments& arguments)
{
    const BoundArguments bound("index", arguments, {"value", "start", "stop"}, 1);
    const auto size = static_cast<std::int64_t>(self.items().size());
    const auto clamp = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size); };
    const std::int64_t stop = clamp(bound.integer(2, size));
    for (std::int64_t i = clamp(bound.integer(1, 0)); i < stop; ++i) {
        runtime.charge(1);
        if (equal(self.items()[static_cast<std::size_t>(i)], bound[0]))
            return Value::integer(i);
    }
    throw Failure("the value is not in the " + std::string(typeName(self)));
}

Value countOf(Runtime& runtime, const Value& self, const CallArguments& arguments)
{
    const BoundArguments bound("count", arguments, {"value"}, 1);
    runtime.charge(self.items().size());
    return Value::integer(std::count_if(self.items().begin(), self.items().end(), [&](const Value& item) { return equal(item, bound[0]); }));
}

BoundMethod::Body objectMethod(const Value& object, std::string_view name)
{
    const std::string_view type = object.asObject().typeName();
    if (type == "LoopContext")
        return name == "cycle" ? loopCycle : name == "changed" ? loopChanged : nullptr;
    if (type == "Cycler")
        return name == "next" ? cyclerNext : name == "reset" ? cyclerReset : nullptr;
    return nullptr;
}

}  // namespace

BoundMethod::Body findContainerMethod(const Value& object, std::string_view name)
{
    if (object.is(Kind::Dict)) {
        if (name == "items")
            return view<DictViewValue::Part::Items>;
        if (name == "keys")
            return view<DictViewValue::Part::Keys>;
        if (name == "values")
            return view<DictViewValue::Part::Values>;
        if (name == "get")
            return get;
        return name == "copy" ? copy : nullptr;
    }
    if (object.isSequence()) {
        if (name == "index")
            return indexOf;
        if (name == "count")
            return countOf;
        return name == "copy" && object.is(Kind::List) ? copy : nullptr;
    }
    return object.is(Kind::Object) ? objectMethod(object, name) : nullptr;
}

bool changesItsObject(const Value& object, std::string_view name)
{
    static constexpr std::string_view kOfDicts[] = {"clear", "pop", "popitem", "setdefault", "update"};
    static constexpr std::string_view kOfLists[] = {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"};
    if (object.is(Kind::Dict))
        return std::find(std::begin(kOfDicts), std::end(kOfDicts), name) != std::end(kOfDicts);
    if (object.is(Kind::List))
        return std::find(std::begin(kOfLists), std::end(kOfLists), name) != std::end(kOfLists);
    return false;
}

}  // namespace lorikeet::jinja
