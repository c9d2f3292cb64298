// SPDX-License-Identifier: GPL-3.0-or-later
// gzip through zlib, member after member; zero bytes that pad the end of the file are no data (as in gzip and Python).
#include "engine/data/packed_input.h"

#include <zlib.h>

#include <new>

namespace lorikeet::data {

namespace {

class GzipSource final : public PackedSource {
public:
    explicit GzipSource(const std::filesystem::path& path) : PackedSource(path, Compression::Gzip)
    {
        constexpr int kGzipOnly = 16 + MAX_WBITS;
        if (inflateInit2(&m_stream, kGzipOnly) != Z_OK)
            throw std::bad_alloc();
    }
    ~GzipSource() override { inflateEnd(&m_stream); }

protected:
    void fill(std::span<std::byte> target) override
    {
        while (filled() < target.size() && position() < size()) {
            if (!m_inMember && !beginMember())
                return;
            inflateInto(target.subspan(filled()));
        }
        if (filled() < target.size() && m_inMember)
            throw input().cutOff(unpacked());
    }

private:
    /// False when only padding is left.
    bool beginMember()
    {
        if (m_members > 0)
            input().takeZeros();
        if (input().block().empty())
            return false;
        inflateReset(&m_stream);
        m_inMember = true;
        return true;
    }

    void inflateInto(std::span<std::byte> target)
    {
        const auto source = input().block();
        m_stream.next_in = reinterpret_cast<z_const Bytef*>(const_cast<std::byte*>(source.data()));
        m_stream.avail_in = static_cast<uInt>(source.size());
        m_stream.next_out = reinterpret_cast<Bytef*>(target.data());
        m_stream.avail_out = static_cast<uInt>(target.size());
        const int result = inflate(&m_stream, Z_NO_FLUSH);
        input().take(source.size() - m_stream.avail_in);
        gave(target.size() - m_stream.avail_out);
        if (result == Z_MEM_ERROR)
            throw std::bad_alloc();
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            throw input().broken(m_stream.msg ? m_stream.msg : "zlib error " + std::to_string(result), unpacked());
        if (result == Z_STREAM_END) {
            m_inMember = false;
            ++m_members;
        }
    }

    z_stream m_stream{};
    bool m_inMember = false;
    std::int64_t m_members = 0;
};

}  // namespace

std::unique_ptr<ByteSource> openGzip(const std::filesystem::path& path)
{
    return std::make_unique<GzipSource>(path);
}

}  // namespace lorikeet::data
