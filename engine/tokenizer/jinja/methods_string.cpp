// SPDX-License-Identifier: GPL-3.0-or-later
// The methods of strings.
#include <algorithm>
#include <unordered_map>

#include "engine/tokenizer/jinja/arguments.h"
#include "engine/tokenizer/jinja/format.h"
#include "engine/tokenizer/jinja/lookup.h"
#include "engine/tokenizer/jinja/representation.h"
#include "engine/tokenizer/jinja/string_operations.h"
#include "engine/tokenizer/jinja/unicode.h"

namespace lorikeet::jinja {
namespace {

Value like(const Value& self, Text text)
{
    return Value::string(std::move(text), self.asString().markup);
}

// Plain text that is put into markup is escaped.
Text suited(const Value& self, const Value& other)
{
    if (!other.is(Kind::String))
        throw Failure("expected a string, found '" + std::string(typeName(other)) + "'");
    return self.asString().markup && !other.asString().markup ? escapedMarkup(other.text()) : other.text();
}

template <Text (*Map)(const Text&)>
Value mapped(Runtime&, const Value& self, const CallArguments& arguments)
{
    BoundArguments("str method", arguments, {});
    return like(self, Map(self.text()));
}

template <Side Which>
Value strip(Runtime&, const Value& self, const CallArguments& arguments)
{
    const BoundArguments bound("strip", arguments, {"chars"});
    if (!arguments.named.empty())
        throw Failure("strip() takes no keyword arguments");
    return like(self, stripped(self.text(), Which, bound.hasValue(0) ? std::optional(bound.text(0).view()) : std::nullopt));
}

template <bool FromRight>
Value split(Runtime& runtime, const Value& self, const CallArguments& arguments)
{
    const BoundArguments bound("split", arguments, {"sep", "maxsplit"});
    const auto separator = bound.hasValue(0) ? std::optional(bound.text(0).view()) : std::nullopt;
    std::vector<Value> parts;
    for (Text& part : splitText(runtime, self.text(), separator, bound.integer(1, -1), FromRight))
        parts.push_back(like(self, std::move(part)));
    return Value::list(std::move(parts));
}

Value splitLinesOf(Runtime& runtime, const Value& self, const CallArguments& arguments)
{
    const BoundArguments bound("splitlines", arguments, {"keepends"});
    std::vector<Value> lines;
    for (Text& line : splitLines(self.text(), bound.truth(0, false)))
        lines.push_back(like(self, std::move(line)));
    runtime.charge(lines.size());
    return Value::list(std::move(lines));
}

template <bool FromRight>
Value partition(Runtime&, const Value& self, const CallArguments& arguments)
{
    const BoundArguments bound("partition", arguments, {"sep"}, 1);
    const std::string_view separator = bound.text(0).view();
    if (separator.empty())
        throw Failure("empty separator");
    const Text& text = self.text();
    const std::size_t found = FromRight ? findTextBackwards(text.view(), separator, text.size()) : findText(text.view(), separator, 0);
    std::vector<Value> parts;
    if (found == std::string_view::npos) {
        parts = {self, like(self, {}), like(self, {})};
        if (FromRight)
            std::reverse(parts.begin(), parts.end());
    } else {
        parts = {like(self, text.slice(0, found)), like(self, text.slice(found, found + separator.size())),
                 like(self, text.slice(found + separator.size(), text.size()))};
    }
    return Value::tuple(std::move(parts));
}

Value replace(Runtime& runtime, const Value& self, const CallArguments& arguments)
{
    const BoundArguments bound("replace", arguments, {"old", "new", "count"}, 2);
    return like(self, replaced(runtime, self.text(), bound.text(0), suited(self, bound[1]), bound.integer(2, -1)));
}

// The part of the text that the optional start and end select, as byte offsets; nothing where start is behind the end.
std::optional<std::pair<std::size_t, std::size_t>> window(const Value& self, const BoundArguments& bound)
{
    spendCharacters(self.asString().isAscii() ? 0 : self.text().size());
    const auto size = static_cast<std::int64_t>(self.asString().length());
    const auto index = [&](std::size_t argument, std::int64_t otherwise) {
        std::int64_t at = bound.hasValue(argument) ? bound.integer(argument, otherwise) : otherwise;
        if (at < 0)
            at = std::max<std::int64_t>(at < -size ? 0 : at + size, 0);
        return at;
    };
    const std::int64_t start = index(1, 0);
    const std::int64_t end = std::min(index(2, size), size);
    if (start > end)
        return std::nullopt;
    const std::string_view view = self.text().view();
    return std::pair(byteOffset(view, static_cast<std::size_t>(start)), byteOffset(view, static_cast<std::size_t>(end)));
}

template <bool AtEnd>
Value affix(Runtime&, const Value& self, const CallArguments& arguments)
{
    const char* name = AtEnd ? "endswith" : "startswith";
    const BoundArguments bound(name, arguments, {"prefix", "start", "end"}, 1);
    const auto range = window(self, bound);
    const auto matches = [&](const Value& value) {
        if (!value.is(Kind::String))
            throw Failure(std::string(name) + "() expects a string or a tuple of strings, found '" + std::string(typeName(value)) + "'");
        if (!range)
            return false;
        const std::string_view part = self.text().view().substr(range->first, range->second - range->first);
        return AtEnd ? part.ends_with(value.text().view()) : part.starts_with(value.text().view());
    };
    if (bound[0].is(Kind::Tuple))
        return Value::boolean(std::any_of(bound[0].items().begin(), bound[0].items().end(), matches));
    return Value::boolean(matches(bound[0]));
}

template <bool FromRight, bool MustExist>
Value find(Runtime&, const Value& self, const CallArguments& arguments)
{
    const BoundArguments bound("find", arguments, {"sub", "start", "end"}, 1);
    const std::string_view needle = bound.text(0).view();
    std::size_t found = std::string_view::npos;
    if (const auto range = window(self, bound)) {
        const std::string_view part = self.text().view().substr(range->first, range->second - range->first);
        found = FromRight ? findTextBackwards(part, needle, part.size()) : findText(part, needle, 0);
        if (found != std::string_view::npos)
            found += range->first;
    }
    if (found == std::string_view::npos) {
        if (MustExist)
            throw Failure("substring not found");
        return Value::integer(-1);
    }
    return Value::integer(static_cast<std::int64_t>(countCodePoints(self.text().view().substr(0, found))));
}

Value count(Runtime&, const Value& self, const CallArguments& arguments)
{
    const BoundArguments bound("count", arguments, {"sub", "start", "end"}, 1);
    const auto range = window(self, bound);
    const std::string_view needle = bound.text(0).view();
    if (!range)
        return Value::integer(0);
    const std::string_view part = self.text().view().substr(range->first, range->second - range->first);
    if (needle.empty())
        return Value::integer(static_cast<std::int64_t>(countCodePoints(part)) + 1);
    std::int64_t total = 0;
    for (std::size_t at = findText(part, needle, 0); at != std::string_view::npos; at = findText(part, needle, at + needle.size())) {
        spend(1);
        ++total;
    }
    return Value::integer(total);
}

Value join(Runtime& runtime, const Value& self, const CallArguments& arguments)
{
    const BoundArguments bound("join", arguments, {"iterable"}, 1);
    Text result;
    bool isFirst = true;
    for (const Value& item : itemsOf(runtime, bound[0])) {
        if (!std::exchange(isFirst, false))
            result.append(self.text());
        runtime.chargeBytes(self.text().size());
        if (self.asString().markup && !item.is(Kind::String))
            result.append(escapedMarkup(textOf(runtime, item)));
        else
            result.append(suited(self, item));
    }
    return like(self, std::move(result));
}

template <bool FromEnd>
Value removeAffix(Runtime&, const Value& self, const CallArguments& arguments)
{
    const BoundArguments bound("removeprefix", arguments, {"affix"}, 1);
    const std::string_view affixText = bound.text(0).view();
    const Text& text = self.text();
    if (affixText.empty() || !(FromEnd ? text.view().ends_with(affixText) : text.view().starts_with(affixText)))
        return self;
    return like(self, FromEnd ? text.slice(0, text.size() - affixText.size()) : text.slice(affixText.size(), text.size()));
}

template <char Align>
Value justify(Runtime&, const Value& self, const CallArguments& arguments)
{
    const BoundArguments bound("justify", arguments, {"width", "fillchar"}, 1);
    const Text fill = bound.has(1) ? suited(self, bound[1]) : Text(" ");
    if (countCodePoints(fill.view()) != 1)
        throw Failure("the fill character must be exactly one character long");
    const std::int64_t width = bound.integer(0, 0);
    if (Align != '^')
        return like(self, padText(self.text(), width, Align, fill.view()));
    const std::int64_t space = std::max<std::int64_t>(width - static_cast<std::int64_t>(self.asString().length()), 0);
    const std::int64_t left = space / 2 + (space & width & 1);  // where Python puts the odd one
    const Text half = padText(self.text(), static_cast<std::int64_t>(self.asString().length()) + left, '>', fill.view());
    return like(self, padText(half, width, '<', fill.view()));
}

Value zeroFill(Runtime&, const Value& self, const CallArguments& arguments)
{
    const BoundArguments bound("zfill", arguments, {"width"}, 1);
    const Text& text = self.text();
    const bool hasSign = !text.empty() && (text.view()[0] == '-' || text.view()[0] == '+');
    const Text digits = text.slice(hasSign ? 1 : 0, text.size());
    Text result = text.slice(0, hasSign ? 1 : 0);
    result.append(padText(digits, bound.integer(0, 0) - (hasSign ? 1 : 0), '>', "0"));
    return like(self, std::move(result));
}

Value expandTabs(Runtime&, const Value& self, const CallArguments& arguments)
{
    const BoundArguments bound("expandtabs", arguments, {"tabsize"});
    const std::int64_t size = bound.integer(0, 8);
    if (size > 10000)
        throw Failure("expandtabs(): the tab size is too large");
    spendMapping(self.text().size());
    Text result;
    std::int64_t column = 0;
    const std::string_view view = self.text().view();
    for (std::size_t at = 0; at < view.size();) {
        const std::size_t begin = at;
        const char32_t code = nextCodePoint(view, at);
        if (code == '\t') {
            const std::int64_t spaces = size > 0 ? size - column % size : 0;
            result.append(std::string(static_cast<std::size_t>(spaces), ' '));
            column += spaces;
            continue;
        }
        column = code == '\n' || code == '\r' ? 0 : column + 1;
        result.append(self.text(), begin, at);
    }
    return like(self, std::move(result));
}

template <bool (*Is)(char32_t) noexcept>
Value all(Runtime&, const Value& self, const CallArguments& arguments)
{
    BoundArguments("str method", arguments, {});
    const std::string_view view = self.text().view();
    spendMapping(view.size());
    for (std::size_t at = 0; at < view.size();)
        if (!Is(nextCodePoint(view, at)))
            return Value::boolean(false);
    return Value::boolean(!view.empty());
}

bool isAsciiCode(char32_t code) noexcept { return code < 0x80; }

template <bool EmptyIs, bool (*Is)(char32_t) noexcept>
Value allOrEmpty(Runtime& runtime, const Value& self, const CallArguments& arguments)
{
    return self.text().empty() ? Value::boolean(EmptyIs) : all<Is>(runtime, self, arguments);
}

template <bool (*Wanted)(char32_t) noexcept, bool (*Unwanted)(char32_t) noexcept>
Value cased(Runtime&, const Value& self, const CallArguments& arguments)
{
    BoundArguments("str method", arguments, {});
    spendMapping(self.text().size());
    bool any = false;
    for (std::size_t at = 0; at < self.text().size();) {
        const char32_t code = nextCodePoint(self.text().view(), at);
        if (Unwanted(code) || isTitlecase(code))
            return Value::boolean(false);
        any = any || Wanted(code);
    }
    return Value::boolean(any);
}

Value isIdentifier(Runtime&, const Value& self, const CallArguments& arguments)
{
    BoundArguments("isidentifier", arguments, {});
    spendMapping(self.text().size());
    const std::string_view view = self.text().view();
    for (std::size_t at = 0; at < view.size();) {
        const bool first = at == 0;
        const char32_t code = nextCodePoint(view, at);
        if (code != '_' && !isAlphabetic(code) && (first || !isDecimal(code)))
            return Value::boolean(false);
    }
    return Value::boolean(!view.empty());
}

Value isTitle(Runtime&, const Value& self, const CallArguments& arguments)
{
    BoundArguments("istitle", arguments, {});
    spendMapping(self.text().size());
    bool any = false;
    bool inWord = false;
    for (std::size_t at = 0; at < self.text().size();) {
        const char32_t code = nextCodePoint(self.text().view(), at);
        const bool capital = isUppercase(code) || isTitlecase(code);
        const bool small = isLowercase(code);
        if ((capital && inWord) || (small && !inWord))
            return Value::boolean(false);
        inWord = capital || small;
        any = any || inWord;
    }
    return Value::boolean(any);
}

Value formatMethod(Runtime& runtime, const Value& self, const CallArguments& arguments)
{
    return formatBraces(runtime, self, arguments);
}

Value formatMap(Runtime& runtime, const Value& self, const CallArguments& arguments)
{
    if (arguments.positional.size() != 1 || !arguments.named.empty() || !arguments.positional[0].is(Kind::Dict))
        throw Failure("format_map() takes exactly one mapping");
    CallArguments named;
    for (const auto& [key, value] : arguments.positional[0].asDict().entries)
        if (key.is(Kind::String))
            named.named.emplace_back(key.text().bytes(), value);
    return formatBraces(runtime, self, named);
}

}  // namespace

BoundMethod::Body findStringMethod(std::string_view name)
{
    static const std::unordered_map<std::string_view, BoundMethod::Body> kMethods = {
        {"upper", mapped<upperCase>},
        {"lower", mapped<lowerCase>},
        {"casefold", mapped<lowerCase>},
        {"title", mapped<titleCase>},
        {"capitalize", mapped<capitalized>},
        {"swapcase", mapped<swappedCase>},
        {"strip", strip<Side::Both>},
        {"lstrip", strip<Side::Left>},
        {"rstrip", strip<Side::Right>},
        {"split", split<false>},
        {"rsplit", split<true>},
        {"splitlines", splitLinesOf},
        {"partition", partition<false>},
        {"rpartition", partition<true>},
        {"replace", replace},
        {"startswith", affix<false>},
        {"endswith", affix<true>},
        {"find", find<false, false>},
        {"rfind", find<true, false>},
        {"index", find<false, true>},
        {"rindex", find<true, true>},
        {"count", count},
        {"join", join},
        {"removeprefix", removeAffix<false>},
        {"removesuffix", removeAffix<true>},
        {"ljust", justify<'<'>},
        {"rjust", justify<'>'>},
        {"center", justify<'^'>},
        {"zfill", zeroFill},
        {"expandtabs", expandTabs},
        {"isalpha", all<isAlphabetic>},
        {"isalnum", all<isAlphanumeric>},
        {"isdecimal", all<isDecimal>},
        {"isdigit", all<isDigit>},
        {"isnumeric", all<isNumeric>},
        {"isspace", all<isSpace>},
        {"isascii", allOrEmpty<true, isAsciiCode>},
        {"isprintable", allOrEmpty<true, isPrintable>},
        {"islower", cased<isLowercase, isUppercase>},
        {"isupper", cased<isUppercase, isLowercase>},
        {"istitle", isTitle},
        {"isidentifier", isIdentifier},
        {"format", formatMethod},
        {"format_map", formatMap},
    };
    const auto found = kMethods.find(name);
    return found == kMethods.end() ? nullptr : found->second;
}

}  // namespace lorikeet::jinja
