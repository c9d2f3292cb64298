// SPDX-License-Identifier: GPL-3.0-or-later
// Filters on text.
#include <algorithm>

#include "engine/tokenizer/jinja/arguments.h"
#include "engine/tokenizer/jinja/filters.h"
#include "engine/tokenizer/jinja/format.h"
#include "engine/tokenizer/jinja/json_text.h"
#include "engine/tokenizer/jinja/operators.h"
#include "engine/tokenizer/jinja/representation.h"
#include "engine/tokenizer/jinja/string_operations.h"
#include "engine/tokenizer/jinja/unicode.h"

namespace lorikeet::jinja {
namespace {

// Maps text to text and keeps the markup mark.
template <typename Map>
Value mapped(Runtime& runtime, const Value& value, Map&& map)
{
    const Value text = softString(runtime, value);
    return Value::string(map(text.text()), text.asString().markup);
}

Value upper(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    BoundArguments("upper", arguments, {});
    return mapped(runtime, value, upperCase);
}

Value lower(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    BoundArguments("lower", arguments, {});
    return mapped(runtime, value, lowerCase);
}

Value capitalize(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    BoundArguments("capitalize", arguments, {});
    return mapped(runtime, value, capitalized);
}

// Jinja's title is not str.title: words begin after "-", white space and "({[<" only.
Value title(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    BoundArguments("title", arguments, {});
    const Text text = softString(runtime, value).text();
    const std::string_view view = text.view();
    const auto separates = [](char32_t code) { return isSpace(code) || (code < 0x80 && std::string_view("-({[<").find(static_cast<char>(code)) != std::string_view::npos); };
    Text result;
    for (std::size_t at = 0; at < view.size();) {
        const std::size_t begin = at;
        std::size_t firstEnd = at;
        const bool separator = separates(nextCodePoint(view, firstEnd));
        at = firstEnd;
        for (std::size_t after = at; at < view.size(); at = after)
            if (separates(nextCodePoint(view, after)) != separator)
                break;
        result.append(upperCase(text.slice(begin, firstEnd)));
        result.append(lowerCase(text.slice(firstEnd, at)));
    }
    return Value::string(std::move(result));
}

Value trim(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("trim", arguments, {"chars"});
    return mapped(runtime, value, [&](const Text& text) {
        return stripped(text, Side::Both, bound.hasValue(0) ? std::optional(bound.text(0).view()) : std::nullopt);
    });
}

Value replace(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("replace", arguments, {"old", "new", "count"}, 2);
    const std::int64_t count = bound.hasValue(2) ? bound.integer(2, -1) : -1;
    return Value::string(replaced(runtime, textOf(runtime, value), textOf(runtime, bound[0]), textOf(runtime, bound[1]), count));
}

Value string(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    BoundArguments("string", arguments, {});
    return softString(runtime, value);
}

Value safe(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    BoundArguments("safe", arguments, {});
    return Value::string(textOf(runtime, value), true);
}

Value escape(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    BoundArguments("escape", arguments, {});
    if (value.is(Kind::String) && value.asString().markup)
        return value;
    return Value::string(escapedMarkup(textOf(runtime, value)), true);
}

Value forceEscape(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    BoundArguments("forceescape", arguments, {});
    return Value::string(escapedMarkup(textOf(runtime, value)), true);
}

Value center(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("center", arguments, {"width"});
    return mapped(runtime, value, [&](const Text& text) {
        // Python puts the odd space to the left when the width is odd.
        const std::int64_t width = bound.integer(0, 80);
        const auto length = static_cast<std::int64_t>(countCodePoints(text.view()));
        const std::int64_t space = std::max<std::int64_t>(width - length, 0);
        const std::int64_t left = space / 2 + (space & width & 1);
        return padText(padText(text, length + left, '>'), width, '<');
    });
}

Value indent(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("indent", arguments, {"width", "first", "blank"});
    if (!value.is(Kind::String))
        throw Failure("indent() expects a string, found '" + std::string(typeName(value)) + "'");
    const Text indention = bound.has(0) && bound[0].is(Kind::String) ? bound.text(0) : repeated(Text(" "), bound.integer(0, 4));
    const bool first = bound.truth(1, false);
    const bool blank = bound.truth(2, false);
    Text whole = value.text();
    whole.append("\n");
    const std::vector<Text> lines = splitLines(whole, false);
    Text result;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (i > 0)
            result.append("\n");
        if (i == 0 ? first : blank || !lines[i].empty()) {
            runtime.chargeBytes(indention.size() + 16);
            result.append(indention);
        }
        result.append(lines[i]);
    }
    return Value::string(std::move(result), value.asString().markup);
}

Value format(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    if (!arguments.positional.empty() && !arguments.named.empty())
        throw Failure("format() takes positional or keyword arguments, not both");
    Value given = Value::tuple(arguments.positional);
    if (!arguments.named.empty()) {
        auto dict = std::make_shared<DictValue>();
        for (const auto& [name, item] : arguments.named)
            dict->set(name, item);
        given = Value::dict(std::move(dict));
    }
    return formatPercent(runtime, softString(runtime, value), given);
}

Value truncate(Runtime&, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("truncate", arguments, {"length", "killwords", "end", "leeway"});
    if (!value.is(Kind::String))
        throw Failure("truncate() expects a string, found '" + std::string(typeName(value)) + "'");
    const std::int64_t length = bound.integer(0, 255);
    const std::int64_t leeway = bound.hasValue(3) ? bound.integer(3, 5) : 5;
    const Text end = bound.has(2) ? bound.text(2) : Text("...");
    const auto endLength = static_cast<std::int64_t>(countCodePoints(end.view()));
    if (length < endLength || leeway < 0)
        throw Failure("truncate() expects a length of at least " + std::to_string(endLength) + " and no negative leeway");
    const Text& text = value.text();
    if (static_cast<std::int64_t>(value.asString().length()) <= length + leeway)
        return value;
    Text result = text.slice(0, byteOffset(text.view(), static_cast<std::size_t>(length - endLength)));
    if (!bound.truth(1, false))
        if (const std::size_t space = result.view().rfind(' '); space != std::string_view::npos)
            result = result.slice(0, space);
    result.append(end);
    return Value::string(std::move(result), value.asString().markup);
}

Value wordCount(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    BoundArguments("wordcount", arguments, {});
    const Value text = softString(runtime, value);
    spendMapping(text.text().size());
    std::int64_t count = 0;
    bool inWord = false;
    for (std::size_t at = 0; at < text.text().size();) {
        const char32_t code = nextCodePoint(text.text().view(), at);
        const bool isWord = code == '_' || isAlphanumeric(code);
        count += isWord && !inWord;
        inWord = isWord;
    }
    return Value::integer(count);
}

std::string percentEncoded(std::string_view text, bool forQuery)
{
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    spendMapping(text.size());
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || std::string_view("_.-~").find(c) != std::string_view::npos || (c == '/' && !forQuery);
        if (plain)
            out.push_back(c);
        else if (c == ' ' && forQuery)
            out.push_back('+');
        else
            out += {'%', kDigits[static_cast<unsigned char>(c) >> 4], kDigits[static_cast<unsigned char>(c) & 15]};
    }
    return out;
}

Value urlEncode(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    BoundArguments("urlencode", arguments, {});
    if (value.is(Kind::String) || !isIterable(value))
        return Value::string(percentEncoded(textOf(runtime, value).view(), false));
    std::string out;
    const auto append = [&](const Value& key, const Value& item) {
        out += (out.empty() ? "" : "&") + percentEncoded(textOf(runtime, key).view(), true) + "=" + percentEncoded(textOf(runtime, item).view(), true);
    };
    if (value.is(Kind::Dict)) {
        for (const auto& [key, item] : value.asDict().entries)
            append(key, item);
        return Value::string(std::move(out));
    }
    for (const Value& pair : itemsOf(runtime, value)) {
        const std::vector<Value> parts = itemsOf(runtime, pair);
        if (parts.size() != 2)
            throw Failure("urlencode() needs pairs of key and value");
        append(parts[0], parts[1]);
    }
    return Value::string(std::move(out));
}

JsonStyle jsonStyle(Runtime& runtime, const BoundArguments& bound)
{
    JsonStyle style;
    style.ensureAscii = bound.truth(0, false);
    style.sortKeys = bound.truth(3, false);
    if (bound.hasValue(1)) {
        style.indented = true;
        style.itemSeparator = ",";
        style.indent = bound[1].is(Kind::String) ? bound.text(1).bytes()
                                                 : std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(bound.integer(1, 0), 0, 1000)), ' ');
    }
    if (bound.hasValue(2)) {
        const std::vector<Value> parts = itemsOf(runtime, bound[2]);
        if (parts.size() != 2 || !parts[0].is(Kind::String) || !parts[1].is(Kind::String))
            throw Failure("tojson() expects two strings as separators");
        style.itemSeparator = parts[0].text().bytes();
        style.keySeparator = parts[1].text().bytes();
    }
    return style;
}

Value toJson(Runtime& runtime, const Value& value, const CallArguments& arguments)
{
    const BoundArguments bound("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
    return Value::string(jsonTextOf(runtime, value, jsonStyle(runtime, bound)));
}

}  // namespace

const std::vector<NamedFilter>& textFilters()
{
    static const std::vector<NamedFilter> kFilters = {
        {"upper", upper},     {"lower", lower},       {"capitalize", capitalize}, {"title", title},         {"trim", trim},
        {"replace", replace}, {"string", string},     {"safe", safe},             {"escape", escape},       {"e", escape},
        {"forceescape", forceEscape}, {"center", center}, {"indent", indent},     {"format", format},       {"truncate", truncate},
        {"wordcount", wordCount}, {"urlencode", urlEncode}, {"tojson", toJson},
    };
    return kFilters;
}

}  // namespace lorikeet::jinja
