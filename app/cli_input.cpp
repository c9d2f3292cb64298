// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli_input.h"

#include "engine/base/system.h"

#include <array>

namespace lorikeet::app {

namespace {

/// Appends what comes next; false at the end.
bool readMore(std::string& text, const std::stop_token& stop)
{
    std::array<char, 65536> block;
    const std::size_t bytes = readStandardInput(block, stop);
    text.append(block.data(), bytes);
    return bytes > 0;
}

}  // namespace

std::optional<std::string> InputLines::next()
{
    std::size_t sought = m_begin;
    while (true) {
        const std::size_t end = m_seen.find('\n', sought);
        if (end != std::string::npos) {
            std::string line = m_seen.substr(m_begin, end - m_begin);
            m_begin = end + 1;
            return line;
        }
        if (m_ended)
            break;
        m_seen.erase(0, m_begin);
        m_begin = 0;
        sought = m_seen.size();
        m_ended = !readMore(m_seen, m_stop);
    }
    if (m_begin == m_seen.size())
        return std::nullopt;
    std::string rest = m_seen.substr(m_begin);
    m_begin = m_seen.size();
    return rest;
}

std::string readAllInput(const std::stop_token& stop)
{
    std::string text;
    while (readMore(text, stop)) {
    }
    return text;
}

}  // namespace lorikeet::app
