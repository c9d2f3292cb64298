// SPDX-License-Identifier: GPL-3.0-or-later
// Zstandard through libzstd, frame after frame. Its own limit of a window (128 MiB) bounds the memory of a hostile frame.
#include "engine/data/packed_input.h"

#include <zstd.h>
#include <zstd_errors.h>

#include <new>

namespace lorikeet::data {

namespace {

class ZstdSource final : public PackedSource {
public:
    explicit ZstdSource(const std::filesystem::path& path) : PackedSource(path, Compression::Zstd), m_stream(ZSTD_createDStream())
    {
        if (!m_stream)
            throw std::bad_alloc();
    }

protected:
    void fill(std::span<std::byte> target) override
    {
        while (filled() < target.size()) {
            const auto source = input().block();
            if (source.empty() && !m_inFrame)
                return;
            ZSTD_inBuffer in{source.data(), source.size(), 0};
            ZSTD_outBuffer out{target.data(), target.size(), filled()};
            const std::size_t result = ZSTD_decompressStream(m_stream.get(), &out, &in);
            const std::size_t count = out.pos - filled();
            input().take(in.pos);
            gave(count);
            if (ZSTD_isError(result))
                throw input().broken(wordsOf(result), unpacked());
            m_inFrame = result != 0;
            // What was taken before may still wait for room; without input and without progress the frame has no end.
            if (source.empty() && count == 0 && m_inFrame)
                throw input().cutOff(unpacked());
        }
    }

private:
    static std::string wordsOf(std::size_t result)
    {
        if (ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge)
            return "its window is larger than 128 MiB (compress it again without --long or --ultra)";
        return ZSTD_getErrorName(result);
    }

    struct Free {
        void operator()(ZSTD_DStream* stream) const noexcept { ZSTD_freeDStream(stream); }
    };
    std::unique_ptr<ZSTD_DStream, Free> m_stream;
    bool m_inFrame = false;
};

}  // namespace

std::unique_ptr<ByteSource> openZstd(const std::filesystem::path& path)
{
    return std::make_unique<ZstdSource>(path);
}

}  // namespace lorikeet::data
