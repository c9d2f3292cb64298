// SPDX-License-Identifier: GPL-3.0-or-later
// Picking rows, rotary positions, sums, bias, zero: one thread per element or pair.
#include "engine/kernels/cuda/launchers.cuh"
#include "engine/kernels/cuda/storage.cuh"

namespace lorikeet::kernels::cuda {

namespace {

/// Rows are copied in words of 2 bytes or, where everything is aligned, of 16.
struct Word16 {
    std::uint64_t low;
    std::uint64_t high;
};

/// to[scatter ? index[n] : n] = from[scatter ? n : index[n]], `words` per row.
template <typename W>
__global__ void copyRowsKernel(W* to, const W* from, const std::int32_t* index, std::int64_t rows, std::int64_t words, bool scatter)
{
    for (std::int64_t i = firstElement(); i < rows * words; i += elementStride()) {
        const std::int64_t row = i / words;
        const std::int64_t picked = index[row];
        to[(scatter ? picked : row) * words + i % words] = from[(scatter ? row : picked) * words + i % words];
    }
}

bool copyRows(Stream stream, const Mat& to, const Mat& from, const Mat& index, bool scatter)
{
    const std::int64_t rows = scatter ? from.rows : to.rows;
    const auto rowBytes = static_cast<std::int64_t>(to.cols) * static_cast<std::int64_t>(bytesOf(to.dtype));
    const auto places = reinterpret_cast<std::uintptr_t>(to.data) | reinterpret_cast<std::uintptr_t>(from.data) | static_cast<std::uintptr_t>(rowBytes);
    const auto* picked = index.as<std::int32_t>();
    if (places % sizeof(Word16) == 0) {
        const std::int64_t words = rowBytes / static_cast<std::int64_t>(sizeof(Word16));
        LORIKEET_LAUNCH(copyRowsKernel<Word16>, blocksFor(rows * words), kThreads, 0, stream, to.as<Word16>(), from.as<Word16>(), picked, rows, words, scatter);
        return true;
    }
    LORIKEET_LAUNCH(copyRowsKernel<std::uint16_t>, blocksFor(rows * rowBytes / 2), kThreads, 0, stream, to.as<std::uint16_t>(), from.as<std::uint16_t>(),
                    picked, rows, rowBytes / 2, scatter);
    return rowBytes % 2 == 0;
}

template <typename S>
__global__ void ropeKernel(S* x, const std::int32_t* positions, const float* table, std::int64_t rows, std::int64_t width, std::int64_t headSize, float sign)
{
    const std::int64_t half = headSize / 2;
    const std::int64_t pairs = width / 2;
    for (std::int64_t n = firstElement(); n < rows * pairs; n += elementStride()) {
        const std::int64_t row = n / pairs;
        const std::int64_t head = n % pairs / half;
        const std::int64_t i = n % half;
        const float* angles = table + positions[row] * headSize;
        const float cosine = angles[i];
        const float sine = sign * angles[half + i];
        S* low = x + row * width + head * headSize + i;
        S* high = low + half;
        const float a = load(low);
        const float b = load(high);
        store(low, a * cosine - b * sine);
        store(high, b * cosine + a * sine);
    }
}

/// y = a + b, where b starts anew after `period` elements.
template <typename S>
__global__ void addKernel(S* y, const S* a, const S* b, std::int64_t count, std::int64_t period)
{
    for (std::int64_t i = firstElement(); i < count; i += elementStride())
        store(y + i, load(a + i) + load(b + i % period));
}

__global__ void fillZeroKernel(unsigned char* x, std::int64_t bytes, const std::int32_t* usedRows, std::int64_t rowBytes)
{
    const std::int64_t first = usedRows != nullptr ? *usedRows * rowBytes : 0;
    for (std::int64_t i = first + firstElement(); i < bytes; i += elementStride())
        x[i] = 0;
}

__global__ void transposeKernel(float* to, const float* from, std::int64_t rows, std::int64_t cols)
{
    for (std::int64_t i = firstElement(); i < rows * cols; i += elementStride())
        to[i % cols * rows + i / cols] = from[i];
}

}  // namespace

bool launchEmbed(Stream stream, const Embed& args) { return copyRows(stream, args.out, args.table, args.tokens, false); }
bool launchGatherRows(Stream stream, const GatherRows& args) { return copyRows(stream, args.out, args.x, args.rows, false); }
bool launchScatterRows(Stream stream, const ScatterRows& args) { return copyRows(stream, args.out, args.x, args.rows, true); }

bool launchRope(Stream stream, const Rope& args)
{
    return withStorage(args.x.dtype, [&](auto s) {
        using S = decltype(s);
        LORIKEET_LAUNCH(ropeKernel<S>, blocksFor(args.x.elements() / 2), kThreads, 0, stream, args.x.as<S>(), args.positions.as<std::int32_t>(),
                        args.table.as<float>(), args.x.rows, args.x.cols, args.headSize, args.inverse ? -1.0f : 1.0f);
    });
}

bool launchAdd(Stream stream, const Add& args)
{
    return withStorage(args.y.dtype, [&](auto s) {
        using S = decltype(s);
        const std::int64_t count = args.y.elements();
        LORIKEET_LAUNCH(addKernel<S>, blocksFor(count), kThreads, 0, stream, args.y.as<S>(), args.a.as<S>(), args.b.as<S>(), count, count);
    });
}

bool launchAddBias(Stream stream, const AddBias& args)
{
    return withStorage(args.x.dtype, [&](auto s) {
        using S = decltype(s);
        const std::int64_t count = args.x.elements();
        LORIKEET_LAUNCH(addKernel<S>, blocksFor(count), kThreads, 0, stream, args.x.as<S>(), args.x.as<S>(), args.bias.as<S>(), count, args.x.cols);
    });
}

bool launchFillZero(Stream stream, const Mat& x)
{
    const auto bytes = static_cast<std::int64_t>(x.bytes());
    LORIKEET_LAUNCH(fillZeroKernel, blocksFor(bytes), kThreads, 0, stream, x.as<unsigned char>(), bytes, nullptr, 0);
    return true;
}

bool launchZeroRowsBehind(Stream stream, const Mat& x, const Mat& documents)
{
    if (!x)
        return true;
    const auto bytes = static_cast<std::int64_t>(x.bytes());
    const auto rowBytes = static_cast<std::int64_t>(x.cols) * static_cast<std::int64_t>(bytesOf(x.dtype));
    LORIKEET_LAUNCH(fillZeroKernel, blocksFor(bytes), kThreads, 0, stream, x.as<unsigned char>(), bytes,
                    documents.as<std::int32_t>() + documents.cols - 1, rowBytes);
    return true;
}

bool launchTranspose(Stream stream, const Mat& to, const Mat& from)
{
    LORIKEET_LAUNCH(transposeKernel, blocksFor(from.elements()), kThreads, 0, stream, to.as<float>(), from.as<float>(), from.rows, from.cols);
    return to.dtype == DType::F32 && from.dtype == DType::F32;
}

}  // namespace lorikeet::kernels::cuda
