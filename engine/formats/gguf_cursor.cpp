// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/gguf_cursor.h"

#include "engine/base/error.h"

#include <algorithm>

namespace lorikeet::formats {

namespace {

constexpr std::uint64_t kWindowBytes = 256 * 1024;

}  // namespace

void GgufCursor::refuse(const std::string& what) const
{
    throw Error(ErrorCode::BadInput, utf8(m_file.path()) + ", byte " + std::to_string(m_position) + ": " + what,
                "the file is damaged or was not downloaded completely: fetch it again");
}

void GgufCursor::requireCount(std::uint64_t count, std::uint64_t bytesEach, const char* what) const
{
    if (count > remaining() / bytesEach)
        refuse(std::string(what) + ": " + std::to_string(count) + " announced, but only " + std::to_string(remaining())
               + " bytes are left");
}

void GgufCursor::fillWindow()
{
    m_windowStart = m_position;
    m_window.resize(static_cast<std::size_t>(std::min(kWindowBytes, remaining())));
    m_file.readExact(m_windowStart, m_window);
}

void GgufCursor::take(std::span<std::byte> target, const char* what)
{
    if (target.size() > remaining())
        refuse(std::string(what) + " needs " + std::to_string(target.size()) + " bytes, the file has " + std::to_string(remaining())
               + " left");
    while (!target.empty()) {
        if (m_position < m_windowStart || m_position >= m_windowStart + m_window.size())
            fillWindow();
        const auto from = static_cast<std::size_t>(m_position - m_windowStart);
        const std::size_t count = std::min(target.size(), m_window.size() - from);
        std::memcpy(target.data(), m_window.data() + from, count);
        target = target.subspan(count);
        m_position += count;
    }
}

std::string GgufCursor::text(std::uint64_t limit, const char* what)
{
    const auto length = scalar<std::uint64_t>(what);
    if (length > limit)
        refuse(std::string(what) + " is " + std::to_string(length) + " bytes long, at most " + std::to_string(limit) + " are allowed");
    requireCount(length, 1, what);
    std::string value(static_cast<std::size_t>(length), '\0');
    take(std::as_writable_bytes(std::span<char>(value.data(), value.size())), what);
    return value;
}

}  // namespace lorikeet::formats
