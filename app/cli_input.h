// SPDX-License-Identifier: GPL-3.0-or-later
// Standard input that an interrupt ends: the whole of it, or line by line.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

namespace lorikeet::app {

/// Lines of standard input without their ends. Nothing else may read it.
class InputLines {
public:
    explicit InputLines(std::stop_token stop) : m_stop(std::move(stop)) {}
    /// Nothing at the end. @throws Error{Cancelled} while it waits.
    std::optional<std::string> next();

private:
    std::stop_token m_stop;
    std::string m_seen;
    std::size_t m_begin = 0;  ///< of what next() has not given out yet
    bool m_ended = false;
};

/// All of standard input. @throws Error{Cancelled} while it waits.
[[nodiscard]] std::string readAllInput(const std::stop_token& stop);

}  // namespace lorikeet::app
