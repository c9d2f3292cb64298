// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/data/packed_input.h"

#include <algorithm>

namespace lorikeet::data {

PackedInput::PackedInput(const std::filesystem::path& path, Compression compression)
    : m_file(path), m_compression(compression), m_block(std::size_t{128} * 1024)
{
}

std::span<const std::byte> PackedInput::block()
{
    if (m_begin == m_end) {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(m_block.size(), m_file.size() - m_offset));
        m_file.readExact(m_offset, std::span(m_block).first(count));
        m_begin = 0;
        m_end = count;
        m_offset += count;
    }
    return std::span(m_block).subspan(m_begin, m_end - m_begin);
}

void PackedInput::takeZeros()
{
    for (auto bytes = block(); !bytes.empty(); bytes = block()) {
        const auto zeros = static_cast<std::size_t>(std::ranges::find_if(bytes, [](std::byte b) { return b != std::byte{0}; }) - bytes.begin());
        take(zeros);
        if (zeros < bytes.size())
            return;
    }
}

void PackedInput::requireMagic()
{
    const auto bytes = block();
    const std::string_view head(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (bytes.empty())
        throw Error{ErrorCode::BadInput, utf8(m_file.path()) + " is empty, " + std::string(nameOf(m_compression)) + " data were expected",
                    "copy or download the file again"};
    if (compressionByMagic(head) != m_compression)
        throw Error{ErrorCode::BadInput, utf8(m_file.path()) + " does not begin as " + std::string(nameOf(m_compression)) + " data do",
                    "give the file the ending of what it is; a file that is not compressed has neither .gz nor .zst"};
}

std::string PackedInput::place(std::uint64_t unpacked) const
{
    return " at byte " + std::to_string(position()) + " of " + std::to_string(size()) + ", after " + std::to_string(unpacked) + " bytes of text";
}

Error PackedInput::cutOff(std::uint64_t unpacked) const
{
    return {ErrorCode::BadInput, utf8(m_file.path()) + ": the " + std::string(nameOf(m_compression)) + " data end before they are complete," + place(unpacked),
            "the file was cut off: copy or download it again"};
}

Error PackedInput::broken(const std::string& what, std::uint64_t unpacked) const
{
    return {ErrorCode::BadInput, utf8(m_file.path()) + ": the " + std::string(nameOf(m_compression)) + " data are broken" + place(unpacked) + ": " + what,
            "copy or download the file again"};
}

std::size_t PackedSource::read(std::span<std::byte> target)
{
    if (m_failure)
        throw *m_failure;
    m_filled = 0;
    try {
        fill(target);
    } catch (const Error& error) {
        if (m_filled == 0)
            throw;
        m_failure = error;
    }
    return m_filled;
}

void PackedSource::gave(std::size_t count) noexcept
{
    m_filled += count;
    m_unpacked += count;
}

}  // namespace lorikeet::data
