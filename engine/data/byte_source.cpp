// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/data/byte_source.h"

#include "engine/base/files.h"
#include "engine/data/packed_input.h"

#include <algorithm>

namespace lorikeet::data {

namespace {

constexpr std::string_view kGzipMagic = "\x1F\x8B";
constexpr std::string_view kZstdMagic = "\x28\xB5\x2F\xFD";

class PlainSource final : public ByteSource {
public:
    explicit PlainSource(const std::filesystem::path& path) : m_file(path) {}

    std::size_t read(std::span<std::byte> target) override
    {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(target.size(), m_file.size() - m_offset));
        m_file.readExact(m_offset, target.first(count));
        m_offset += count;
        return count;
    }
    std::uint64_t position() const noexcept override { return m_offset; }
    std::uint64_t size() const noexcept override { return m_file.size(); }

private:
    InputFile m_file;
    std::uint64_t m_offset = 0;
};

}  // namespace

std::string_view nameOf(Compression compression) noexcept
{
    switch (compression) {
    case Compression::None: return "";
    case Compression::Gzip: return "gzip";
    case Compression::Zstd: return "Zstandard";
    }
    return "?";
}

Compression compressionByMagic(std::string_view head) noexcept
{
    if (head.starts_with(kGzipMagic))
        return Compression::Gzip;
    // Skippable frames (0x184D2A50 to 5F, little endian) may stand first.
    const bool skippable = head.size() >= 4 && (static_cast<unsigned char>(head[0]) & 0xF0) == 0x50 && head.substr(1, 3) == "\x2A\x4D\x18";
    return head.starts_with(kZstdMagic) || skippable ? Compression::Zstd : Compression::None;
}

std::unique_ptr<ByteSource> openByteSource(const std::filesystem::path& path, Compression compression)
{
    switch (compression) {
    case Compression::None: break;
    case Compression::Gzip: return openGzip(path);
    case Compression::Zstd: return openZstd(path);
    }
    return std::make_unique<PlainSource>(path);
}

}  // namespace lorikeet::data
