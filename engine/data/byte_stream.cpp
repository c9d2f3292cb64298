// SPDX-License-Identifier: GPL-3.0-or-later
// Keeps up to two blocks, so that a look ahead never falls between them.
#include "engine/data/byte_stream.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace lorikeet::data {

ByteStream::ByteStream(const std::filesystem::path& path) : m_file(path), m_block(2 * kBlockBytes, '\0') {}

void ByteStream::refill()
{
    std::memmove(m_block.data(), m_block.data() + m_begin, m_end - m_begin);
    m_end -= m_begin;
    m_begin = 0;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(m_block.size() - m_end, m_file.size() - m_offset));
    m_file.readExact(m_offset, std::as_writable_bytes(std::span(m_block.data() + m_end, count)));
    m_end += count;
    m_offset += count;
}

std::string_view ByteStream::peek(std::size_t count)
{
    if (m_end - m_begin < count && m_offset < m_file.size())
        refill();
    return {m_block.data() + m_begin, std::min(count, m_end - m_begin)};
}

ByteStream::Line ByteStream::readLine(std::string& text, std::uint64_t limit)
{
    text.clear();
    bool tooLong = false;
    std::string_view rest = peek(kBlockBytes);
    if (rest.empty())
        return Line::None;
    for (; !rest.empty(); rest = peek(kBlockBytes)) {
        const auto end = rest.find('\n');
        const std::string_view part = rest.substr(0, end);
        tooLong = tooLong || text.size() + part.size() > limit;
        if (!tooLong)
            text.append(part);
        skip(part.size() + (end != std::string_view::npos));
        if (end != std::string_view::npos)
            return tooLong ? Line::TooLong : Line::Terminated;
    }
    return tooLong ? Line::TooLong : Line::Unterminated;
}

}  // namespace lorikeet::data
