// SPDX-License-Identifier: GPL-3.0-or-later
// Finding filters by name, and what several of them need.
#include "engine/tokenizer/jinja/filters.h"

#include <unordered_map>

#include "engine/tokenizer/jinja/lookup.h"
#include "engine/tokenizer/jinja/number_text.h"
#include "engine/tokenizer/jinja/representation.h"

namespace lorikeet::jinja {

FilterFunction findFilter(std::string_view name)
{
    static const auto kAll = [] {
        std::unordered_map<std::string_view, FilterFunction> all;
        for (const auto* part : {&textFilters(), &sequenceFilters(), &numberFilters()})
            for (const NamedFilter& filter : *part)
                all.emplace(filter.name, filter.function);
        return all;
    }();
    const auto found = kAll.find(name);
    return found == kAll.end() ? nullptr : found->second;
}

Value softString(Runtime& runtime, const Value& value)
{
    return value.is(Kind::String) ? value : Value::string(textOf(runtime, value));
}

Value attributePath(Runtime& runtime, const Value& value, const Value& attribute)
{
    if (!attribute.is(Kind::String))
        return itemOf(runtime, value, attribute);
    Value at = value;
    std::string_view rest = attribute.text().view();
    while (true) {
        const std::size_t dot = rest.find('.');
        const std::string_view part = rest.substr(0, dot);
        const bool isIndex = !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
        at = itemOf(runtime, at, isIndex ? Value::integer(parseInteger(part, 10).value_or(0)) : Value::string(std::string(part)));
        if (dot == std::string_view::npos)
            return at;
        rest = rest.substr(dot + 1);
    }
}

}  // namespace lorikeet::jinja
