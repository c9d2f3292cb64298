// SPDX-License-Identifier: GPL-3.0-or-later
// What the readers of compressed streams share: the file block by block, and the errors that say how far a stream got.
#pragma once

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/data/byte_source.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lorikeet::data {

/// A compressed file read forward in blocks.
class PackedInput {
public:
    PackedInput(const std::filesystem::path& path, Compression compression);

    /// Bytes that were not taken yet; empty only at the end of the file. Valid until the next call.
    [[nodiscard]] std::span<const std::byte> block();
    void take(std::size_t count) noexcept { m_begin += count; }
    /// Takes all zero bytes from here on.
    void takeZeros();

    [[nodiscard]] std::uint64_t position() const noexcept { return m_offset - (m_end - m_begin); }
    [[nodiscard]] std::uint64_t size() const noexcept { return m_file.size(); }

    /// @throws Error{BadInput} when the file does not begin as its compression does.
    void requireMagic();
    /// The file ends inside the stream, after `unpacked` bytes of text.
    [[nodiscard]] Error cutOff(std::uint64_t unpacked) const;
    [[nodiscard]] Error broken(const std::string& what, std::uint64_t unpacked) const;

private:
    [[nodiscard]] std::string place(std::uint64_t unpacked) const;

    InputFile m_file;
    Compression m_compression;
    std::vector<std::byte> m_block;
    std::size_t m_begin = 0;
    std::size_t m_end = 0;
    std::uint64_t m_offset = 0;  ///< file offset of m_end
};

/// A ByteSource over a PackedInput. An error waits until what was unpacked before it has been given out.
class PackedSource : public ByteSource {
public:
    PackedSource(const std::filesystem::path& path, Compression compression) : m_input(path, compression) { m_input.requireMagic(); }

    std::size_t read(std::span<std::byte> target) final;
    std::uint64_t position() const noexcept final { return m_input.position(); }
    std::uint64_t size() const noexcept final { return m_input.size(); }

protected:
    [[nodiscard]] PackedInput& input() noexcept { return m_input; }
    /// Bytes of text given out so far.
    [[nodiscard]] std::uint64_t unpacked() const noexcept { return m_unpacked; }
    /// Unpacks into `target` until it is full or the data end, and tells gave() of each piece.
    virtual void fill(std::span<std::byte> target) = 0;
    void gave(std::size_t count) noexcept;
    /// Of the target that fill() was called with.
    [[nodiscard]] std::size_t filled() const noexcept { return m_filled; }

private:
    PackedInput m_input;
    std::optional<Error> m_failure;
    std::size_t m_filled = 0;
    std::uint64_t m_unpacked = 0;
};

[[nodiscard]] std::unique_ptr<ByteSource> openGzip(const std::filesystem::path& path);
[[nodiscard]] std::unique_ptr<ByteSource> openZstd(const std::filesystem::path& path);

}  // namespace lorikeet::data
