// SPDX-License-Identifier: GPL-3.0-or-later
// Keeps up to two blocks, so that a look ahead never falls between them.
#include "engine/data/byte_stream.h"

#include "engine/base/error.h"
#include "engine/base/files.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace lorikeet::data {

ByteStream::ByteStream(const std::filesystem::path& path, Compression compression)
    : m_path(path), m_compression(compression), m_source(openByteSource(path, compression)), m_block(2 * kBlockBytes, '\0')
{
}

void ByteStream::refill()
{
    if (m_offset - m_rowBegin > kMostSkipped)
        throw Error{ErrorCode::BadInput, utf8(m_path) + ": no row ends within 256 MiB of text behind byte " + std::to_string(m_rowBegin),
                    "a row ends with its line; is a quote or a bracket left open, or is this no file of rows?"};
    std::memmove(m_block.data(), m_block.data() + m_begin, m_end - m_begin);
    m_end -= m_begin;
    m_begin = 0;
    const auto room = std::as_writable_bytes(std::span(m_block)).subspan(m_end);
    const std::size_t count = m_source->read(room);
    m_ended = count == 0;
    m_end += count;
    m_offset += count;
}

std::string_view ByteStream::peek(std::size_t count)
{
    while (m_end - m_begin < count && !m_ended)
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
