// SPDX-License-Identifier: GPL-3.0-or-later
// The exception that travels inside the template engine; Template::parse and Template::render turn it into
// Error{BadInput} with line and column. It never leaves the engine.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace lorikeet::jinja {

/// A place in the template, both counted from 1; columns are counted in code points.
struct Position {
    int line = 1;
    int column = 1;
};

/// Why parsing or rendering cannot go on.
class Failure : public std::exception {
public:
    enum class Kind {
        Refused,  ///< wrong syntax, wrong types, a limit
        Raised,   ///< raise_exception(message): the template's own words
    };
    explicit Failure(std::string message, Kind kind = Kind::Refused) : m_message(std::move(message)), m_kind(kind) {}
    [[nodiscard]] const std::string& message() const noexcept { return m_message; }
    [[nodiscard]] Kind kind() const noexcept { return m_kind; }
    [[nodiscard]] const char* what() const noexcept override { return m_message.c_str(); }

private:
    std::string m_message;
    Kind m_kind;
};

}  // namespace lorikeet::jinja
