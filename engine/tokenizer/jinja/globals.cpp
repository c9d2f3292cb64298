// SPDX-License-Identifier: GPL-3.0-or-later
// The global functions of the reference environment.
#include "engine/tokenizer/jinja/globals.h"

#include <array>
#include <unordered_map>

#include "engine/tokenizer/jinja/arguments.h"
#include "engine/tokenizer/jinja/representation.h"

namespace lorikeet::jinja {
namespace {

constexpr std::int64_t kMaxRange = 100000;  // as Jinja's sandbox

Value callRange(Runtime&, const CallArguments& arguments)
{
    const auto& given = arguments.positional;
    if (given.empty() || given.size() > 3 || !arguments.named.empty())
        throw Failure("range() takes 1 to 3 arguments");
    for (const Value& value : given)
        if (!value.isIntegral())
            throw Failure("range() expects integers, found '" + std::string(typeName(value)) + "'");
    const std::int64_t start = given.size() > 1 ? given[0].asInteger() : 0;
    const std::int64_t stop = given.size() > 1 ? given[1].asInteger() : given[0].asInteger();
    const std::int64_t step = given.size() > 2 ? given[2].asInteger() : 1;
    if (step == 0)
        throw Failure("range() arg 3 must not be zero");
    Value range = Value::range(start, stop, step);
    if (range.asRange().count > kMaxRange || range.asRange().count < 0)
        throw Failure("range() of more than " + std::to_string(kMaxRange) + " items is refused");
    return range;
}

// dict(mapping or pairs, name=value, ...)
DictValue dictFrom(Runtime& runtime, const CallArguments& arguments, std::string_view function)
{
    DictValue dict;
    if (arguments.positional.size() > 1)
        throw Failure(std::string(function) + "() takes at most one positional argument");
    if (!arguments.positional.empty()) {
        const Value& source = arguments.positional[0];
        if (source.is(Kind::Dict)) {
            for (const auto& [key, value] : source.asDict().entries)
                dict.set(key, value);
        } else {
            for (const Value& pair : itemsOf(runtime, source)) {
                const std::vector<Value> parts = itemsOf(runtime, pair);
                if (parts.size() != 2)
                    throw Failure(std::string(function) + "() needs pairs of key and value");
                dict.set(parts[0], parts[1]);
            }
        }
    }
    for (const auto& [name, value] : arguments.named)
        dict.set(name, value);
    return dict;
}

Value callDict(Runtime& runtime, const CallArguments& arguments)
{
    return Value::dict(std::make_shared<DictValue>(dictFrom(runtime, arguments, "dict")));
}

Value callNamespace(Runtime& runtime, const CallArguments& arguments)
{
    auto object = std::make_shared<NamespaceObject>();
    const DictValue attributes = dictFrom(runtime, arguments, "namespace");
    for (const auto& [key, value] : attributes.entries) {
        if (key.is(Kind::String))
            object->set(key.text().view(), value);
        else
            object->attributes.set(key, value);
    }
    runtime.charge(8);
    runtime.keep(object);
    return Value::object(std::move(object));
}

Value callRaise(Runtime& runtime, const CallArguments& arguments)
{
    const BoundArguments bound("raise_exception", arguments, {"message"}, 1);
    std::string words = textOf(runtime, bound[0]).bytes();
    throw Failure(words.empty() ? "the template refuses the conversation and gives no reason" : std::move(words), Failure::Kind::Raised);
}

Value callTime(Runtime& runtime, const CallArguments& arguments)
{
    const BoundArguments bound("strftime_now", arguments, {"format"}, 1);
    return Value::string(formatTime(bound.text(0).view(), runtime.now()));
}

/// cycler(a, b, ...)
struct CyclerObject final : ObjectValue {
    explicit CyclerObject(std::vector<Value> i) : items(std::move(i)) { depth = deeperThan(items); }

    Value attribute(Runtime&, std::string_view name) override
    {
        if (name == "current")
            return items[position];
        if (name == "items")
            return Value::tuple(items);
        if (name == "pos")
            return Value::integer(static_cast<std::int64_t>(position));
        return Value::missing();
    }
    std::string represent(Runtime&) const override { return "<Cycler object>"; }
    std::string_view typeName() const override { return "Cycler"; }

    std::vector<Value> items;
    std::size_t position = 0;
};

Value callCycler(Runtime&, const CallArguments& arguments)
{
    if (arguments.positional.empty() || !arguments.named.empty())
        throw Failure("cycler() needs at least one item");
    return Value::object(std::make_shared<CyclerObject>(arguments.positional));
}

/// joiner(separator): nothing at the first call, then the separator
struct JoinerObject final : ObjectValue {
    explicit JoinerObject(Value s) : separator(std::move(s)) { depth = nestingOf(separator) + 1; }

    Value attribute(Runtime&, std::string_view name) override
    {
        if (name == "sep")
            return separator;
        return name == "used" ? Value::boolean(used) : Value::missing();
    }
    bool isCallable() const override { return true; }
    Value call(Runtime&, const CallArguments&) override { return std::exchange(used, true) ? separator : Value::string(""); }
    std::string represent(Runtime&) const override { return "<Joiner object>"; }
    std::string_view typeName() const override { return "Joiner"; }

    Value separator;
    bool used = false;
};

Value callJoiner(Runtime&, const CallArguments& arguments)
{
    const BoundArguments bound("joiner", arguments, {"sep"});
    return Value::object(std::make_shared<JoinerObject>(bound.has(0) ? bound[0] : Value::string(", ")));
}

constexpr std::array<std::string_view, 7> kDays = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths = {"January", "February", "March", "April", "May", "June", "July",
                                                      "August", "September", "October", "November", "December"};

std::string padded(int value, int width, char fill)
{
    std::string text = std::to_string(value);
    if (text.size() < static_cast<std::size_t>(width))
        text.insert(0, static_cast<std::size_t>(width) - text.size(), fill);
    return text;
}

std::string timePart(char directive, bool plain, const std::tm& t)
{
    const int width = plain ? 1 : 2;
    const int hour12 = t.tm_hour % 12 == 0 ? 12 : t.tm_hour % 12;
    const auto day = kDays[static_cast<std::size_t>(t.tm_wday % 7)];
    const auto month = kMonths[static_cast<std::size_t>(t.tm_mon % 12)];
    switch (directive) {
    case 'a': return std::string(day.substr(0, 3));
    case 'A': return std::string(day);
    case 'b':
    case 'h': return std::string(month.substr(0, 3));
    case 'B': return std::string(month);
    case 'd': return padded(t.tm_mday, width, '0');
    case 'e': return padded(t.tm_mday, width, ' ');
    case 'm': return padded(t.tm_mon + 1, width, '0');
    case 'y': return padded(t.tm_year % 100, width, '0');
    case 'Y': return std::to_string(t.tm_year + 1900);
    case 'H': return padded(t.tm_hour, width, '0');
    case 'I': return padded(hour12, width, '0');
    case 'M': return padded(t.tm_min, width, '0');
    case 'S': return padded(t.tm_sec, width, '0');
    case 'j': return padded(t.tm_yday + 1, plain ? 1 : 3, '0');
    case 'p': return t.tm_hour < 12 ? "AM" : "PM";
    case 'w': return std::to_string(t.tm_wday);
    case 'u': return std::to_string(t.tm_wday == 0 ? 7 : t.tm_wday);
    case 'f': return "000000";
    case 'z':
    case 'Z': return "";
    case 'n': return "\n";
    case 't': return "\t";
    case '%': return "%";
    case 'F': return formatTime("%Y-%m-%d", t);
    case 'T':
    case 'X': return formatTime("%H:%M:%S", t);
    case 'D':
    case 'x': return formatTime("%m/%d/%y", t);
    case 'R': return formatTime("%H:%M", t);
    case 'c': return formatTime("%a %b %e %H:%M:%S %Y", t);
    default: throw Failure(std::string("strftime_now: the directive '%") + directive + "' is not supported");
    }
}

}  // namespace

Value cyclerNext(Runtime&, const Value& self, const CallArguments&)
{
    auto& cycler = static_cast<CyclerObject&>(self.asObject());
    Value current = cycler.items[cycler.position];
    cycler.position = (cycler.position + 1) % cycler.items.size();
    return current;
}

Value cyclerReset(Runtime&, const Value& self, const CallArguments&)
{
    static_cast<CyclerObject&>(self.asObject()).position = 0;
    return {};
}

Value globalFunction(std::string_view name)
{
    static const auto make = [](const char* n, FunctionObject::Body body) { return Value::object(std::make_shared<FunctionObject>(n, body)); };
    static const std::unordered_map<std::string_view, Value> kFunctions = {
        {"range", make("range", callRange)},
        {"dict", make("dict", callDict)},
        {"namespace", make("namespace", callNamespace)},
        {"cycler", make("cycler", callCycler)},
        {"joiner", make("joiner", callJoiner)},
        {"raise_exception", make("raise_exception", callRaise)},
        {"strftime_now", make("strftime_now", callTime)},
    };
    const auto found = kFunctions.find(name);
    return found == kFunctions.end() ? Value::missing() : found->second;
}

Value NamespaceObject::attribute(Runtime&, std::string_view name)
{
    const Value* value = attributes.find(name);
    return value != nullptr ? *value : Value::missing();
}

std::string NamespaceObject::represent(Runtime& runtime) const
{
    return "<Namespace " + reprOf(runtime, Value::dict(std::make_shared<DictValue>(attributes))).bytes() + ">";
}

void NamespaceObject::set(std::string_view name, Value value)
{
    if (name.starts_with('_'))
        throw Failure("a namespace cannot hold " + quoted(name) + ": names with a leading underscore are refused");
    attributes.set(name, std::move(value));
}

BoundMethod::BoundMethod(Value s, std::string_view n, Body b) : self(std::move(s)), name(n), body(b)
{
    depth = deeperThan({self});
}

std::string BoundMethod::represent(Runtime&) const
{
    return "<built-in method " + std::string(name) + " of " + std::string(jinja::typeName(self)) + " object>";
}

std::string formatTime(std::string_view format, const std::tm& time)
{
    std::string out;
    for (std::size_t i = 0; i < format.size(); ++i) {
        if (format[i] != '%' || i + 1 == format.size()) {
            out.push_back(format[i]);
            continue;
        }
        const bool plain = format[i + 1] == '-' && i + 2 < format.size();
        i += plain ? 2 : 1;
        out += timePart(format[i], plain, time);
    }
    return out;
}

}  // namespace lorikeet::jinja
