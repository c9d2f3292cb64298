// SPDX-License-Identifier: GPL-3.0-or-later
// Binding of arguments.
#include "engine/tokenizer/jinja/arguments.h"

#include <algorithm>

namespace lorikeet::jinja {

BoundArguments::BoundArguments(std::string_view function, const CallArguments& arguments,
                               std::initializer_list<std::string_view> parameters, std::size_t required)
    : m_function(function), m_values(parameters.size(), Value::missing())
{
    if (arguments.positional.size() > parameters.size())
        throw Failure(std::string(function) + "() takes at most " + std::to_string(parameters.size()) + " arguments, found "
                      + std::to_string(arguments.positional.size()));
    std::copy(arguments.positional.begin(), arguments.positional.end(), m_values.begin());
    for (const auto& [name, value] : arguments.named) {
        const auto found = std::find(parameters.begin(), parameters.end(), name);
        if (found == parameters.end())
            throw Failure(std::string(function) + "() has no parameter '" + name + "'");
        Value& slot = m_values[static_cast<std::size_t>(found - parameters.begin())];
        if (!slot.is(Kind::Missing))
            throw Failure(std::string(function) + "() got two values for '" + name + "'");
        slot = value;
    }
    for (std::size_t i = 0; i < required; ++i)
        if (!has(i))
            throw Failure(std::string(function) + "() misses the argument '" + std::string(parameters.begin()[i]) + "'");
}

std::int64_t BoundArguments::integer(std::size_t index, std::int64_t otherwise) const
{
    if (!has(index))
        return otherwise;
    if (!m_values[index].isIntegral())
        throw Failure(std::string(m_function) + "() expects an integer, found '" + std::string(typeName(m_values[index])) + "'");
    return m_values[index].asInteger();
}

bool BoundArguments::truth(std::size_t index, bool otherwise) const
{
    return has(index) ? isTrue(m_values[index]) : otherwise;
}

const Text& BoundArguments::text(std::size_t index) const
{
    if (!m_values[index].is(Kind::String))
        throw Failure(std::string(m_function) + "() expects a string, found '" + std::string(typeName(m_values[index])) + "'");
    return m_values[index].text();
}

}  // namespace lorikeet::jinja
