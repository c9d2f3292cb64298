// SPDX-License-Identifier: GPL-3.0-or-later
// Matching the arguments of a call with the parameters of a built-in function, by Python's rules.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "engine/tokenizer/jinja/runtime.h"

namespace lorikeet::jinja {

class BoundArguments {
public:
    /// `parameters` in order; the first `required` have no default.
    /// @throws Failure for too many, unknown, doubled or missing arguments.
    BoundArguments(std::string_view function, const CallArguments& arguments, std::initializer_list<std::string_view> parameters,
                   std::size_t required = 0);

    [[nodiscard]] bool has(std::size_t index) const { return !m_values[index].is(Kind::Missing); }
    /// True when given and not None.
    [[nodiscard]] bool hasValue(std::size_t index) const { return has(index) && !m_values[index].is(Kind::None); }
    [[nodiscard]] const Value& operator[](std::size_t index) const { return m_values[index]; }
    /// @throws Failure when it is not an integer.
    [[nodiscard]] std::int64_t integer(std::size_t index, std::int64_t otherwise) const;
    [[nodiscard]] bool truth(std::size_t index, bool otherwise) const;
    /// @throws Failure when it is not a string.
    [[nodiscard]] const Text& text(std::size_t index) const;

private:
    std::string_view m_function;
    std::vector<Value> m_values;
};

}  // namespace lorikeet::jinja
