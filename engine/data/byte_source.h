// SPDX-License-Identifier: GPL-3.0-or-later
// Where the bytes of a data file come from: the file as it is, or what its gzip or Zstandard stream unpacks to (RFC 1952, RFC 8878).
// Nothing is unpacked to disk or further ahead than the reader asks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

namespace lorikeet::data {

enum class Compression : std::uint8_t { None, Gzip, Zstd };

/// "", "gzip", "Zstandard".
[[nodiscard]] std::string_view nameOf(Compression compression) noexcept;

/// By the first bytes of a file (four are enough).
[[nodiscard]] Compression compressionByMagic(std::string_view head) noexcept;

/// Bytes in order. Not thread-safe.
class ByteSource {
public:
    ByteSource() = default;
    virtual ~ByteSource() = default;
    ByteSource(const ByteSource&) = delete;
    ByteSource& operator=(const ByteSource&) = delete;

    /// Fills `target` from its front and says how far; nothing at all only at the end. What stands before a broken place is given out first. @throws Error{BadInput} when the file shrinks,
    /// or when the compressed stream is broken or cut off, with how far it got.
    virtual std::size_t read(std::span<std::byte> target) = 0;
    /// Bytes of the file (compressed ones) that were taken, and of the whole file.
    [[nodiscard]] virtual std::uint64_t position() const noexcept = 0;
    [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;
};

/// Concatenated gzip members or Zstandard frames are one stream. @throws Error{BadInput} when the file cannot be opened.
[[nodiscard]] std::unique_ptr<ByteSource> openByteSource(const std::filesystem::path& path, Compression compression);

}  // namespace lorikeet::data
