// SPDX-License-Identifier: GPL-3.0-or-later
// The text of a data file read forward in blocks: look ahead, skip, take a line. Nothing is mapped, so a file that shrinks gives an Error.
#pragma once

#include "engine/data/byte_source.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace lorikeet::data {

/// Forward reader over a ByteSource. Not thread-safe.
class ByteStream {
public:
    static constexpr std::size_t kBlockBytes = 256 * 1024;
    /// So much text may be skipped in search of the end of a row; more is no data file, or a small file that unpacks without end.
    static constexpr std::uint64_t kMostSkipped = std::uint64_t{256} << 20;

    /// What readLine() found: nothing (end of file), a line with its '\n', a last line without one, or a line over the limit (skipped).
    enum class Line : std::uint8_t { None, Terminated, Unterminated, TooLong };

    /// @throws Error{BadInput} when the file cannot be opened.
    ByteStream(const std::filesystem::path& path, Compression compression);

    /// Up to `count` (<= kBlockBytes) bytes from the current position, fewer only at the end of the file. Valid until the next call.
    /// @throws Error{BadInput} as ByteSource::read, and past kMostSkipped.
    [[nodiscard]] std::string_view peek(std::size_t count);
    /// Moves on over bytes that were peeked.
    void skip(std::size_t count) noexcept { m_begin += count; }
    /// Takes a line without its '\n' into `text`. A line over `limit` bytes is skipped whole.
    Line readLine(std::string& text, std::uint64_t limit);
    /// A row begins here: kMostSkipped counts from this place.
    void beginRow() noexcept { m_rowBegin = position(); }

    /// Bytes of text behind the current position.
    [[nodiscard]] std::uint64_t position() const noexcept { return m_offset - (m_end - m_begin); }
    /// Bytes of the file, compressed as they are, that were taken, and of the whole file.
    [[nodiscard]] std::uint64_t fileBytesTaken() const noexcept { return m_compression == Compression::None ? position() : m_source->position(); }
    [[nodiscard]] std::uint64_t fileBytes() const noexcept { return m_source->size(); }
    [[nodiscard]] Compression compression() const noexcept { return m_compression; }

private:
    void refill();

    std::filesystem::path m_path;
    Compression m_compression;
    std::unique_ptr<ByteSource> m_source;
    std::string m_block;         ///< [m_begin, m_end) is what was read and not yet taken
    std::size_t m_begin = 0;
    std::size_t m_end = 0;
    std::uint64_t m_offset = 0;  ///< offset of m_end in the text
    std::uint64_t m_rowBegin = 0;
    bool m_ended = false;
};

}  // namespace lorikeet::data
