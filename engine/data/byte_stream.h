// SPDX-License-Identifier: GPL-3.0-or-later
// A file read forward in blocks: look ahead, skip, take a line. Nothing is mapped, so a file that shrinks gives an Error.
#pragma once

#include "engine/base/files.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace lorikeet::data {

/// Forward reader over an InputFile. Not thread-safe.
class ByteStream {
public:
    static constexpr std::size_t kBlockBytes = 256 * 1024;

    /// What readLine() found: nothing (end of file), a line with its '\n', a last line without one, or a line over the limit (skipped).
    enum class Line : std::uint8_t { None, Terminated, Unterminated, TooLong };

    /// @throws Error{BadInput} when the file cannot be opened.
    explicit ByteStream(const std::filesystem::path& path);

    /// Up to `count` (<= kBlockBytes) bytes from the current position, fewer only at the end of the file. Valid until the next call.
    [[nodiscard]] std::string_view peek(std::size_t count);
    /// Moves on over bytes that were peeked.
    void skip(std::size_t count) noexcept { m_begin += count; }
    /// Takes a line without its '\n' into `text`. A line over `limit` bytes is skipped whole.
    Line readLine(std::string& text, std::uint64_t limit);

    /// Bytes behind the current position, and of the whole file.
    [[nodiscard]] std::uint64_t position() const noexcept { return m_offset - (m_end - m_begin); }
    [[nodiscard]] std::uint64_t size() const noexcept { return m_file.size(); }

private:
    void refill();

    InputFile m_file;
    std::string m_block;         ///< [m_begin, m_end) is what was read and not yet taken
    std::size_t m_begin = 0;
    std::size_t m_end = 0;
    std::uint64_t m_offset = 0;  ///< file offset of m_end
};

}  // namespace lorikeet::data
