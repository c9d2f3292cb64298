// SPDX-License-Identifier: GPL-3.0-or-later
// Row-wise and element-wise kernels: norm, rope, swiglu, row picking, conversion, sums.
#pragma once

#include "engine/kernels/cpu/parallel.h"
#include "engine/kernels/op_table.h"

#include <vector>

namespace lorikeet::kernels::LORIKEET_ISA {

/// Calls f(S{}) with the storage type of a matrix.
template <typename F>
void withStorage(DType dtype, const F& f)
{
    switch (dtype) {
    case DType::F32: return f(float{});
    case DType::BF16: return f(BF16{});
    case DType::F64: return f(double{});
    default: return;
    }
}

template <typename S>
struct RowNorm {
    using A = Arithmetic<S>;
    using C = typename A::C;

    /// 1 / sqrt(mean(x^2) + eps)
    static C inverseRms(const S* x, std::int64_t width, double eps)
    {
        typename A::V sum{};
        std::int64_t i = 0;
        for (; i + A::kLanes <= width; i += A::kLanes) {
            const auto v = load(x + i);
            sum += v * v;
        }
        C total = sumOf(sum);
        for (; i < width; ++i)
            total += loadOne(x + i) * loadOne(x + i);
        return C(1) / std::sqrt(total / static_cast<C>(width) + static_cast<C>(eps));
    }
};

inline void rmsNormForward(Context&, const RmsNormForward& args)
{
    withStorage(args.x.dtype, [&](auto s) {
        using S = decltype(s);
        const std::int64_t width = args.x.cols;
        const S* gain = args.gain.as<S>();
        parallelRows(args.x.rows, width, [&](std::int64_t row) {
            const S* x = args.x.as<S>() + row * width;
            S* y = args.y.as<S>() + row * width;
            const auto inverse = RowNorm<S>::inverseRms(x, width, args.eps);
            // Llama order: the normalised x is rounded to its type before the gain multiplies it.
            for (std::int64_t i = 0; i < width; ++i)
                storeOne(y + i, throughStorage<S>(loadOne(x + i) * inverse) * loadOne(gain + i));
        });
    });
}

template <typename S>
void rmsNormGainGradient(const RmsNormBackward& args)
{
    using C = typename Arithmetic<S>::C;
    const std::int64_t width = args.x.cols;
    C* out = args.dGain.as<C>();
    parallelBlocks(width, 64, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = 0; row < args.x.rows; ++row) {
            const S* x = args.x.as<S>() + row * width;
            const S* dy = args.dy.as<S>() + row * width;
            const C inverse = RowNorm<S>::inverseRms(x, width, args.eps);
            for (std::int64_t i = begin; i < end; ++i)
                out[i] += loadOne(dy + i) * loadOne(x + i) * inverse;
        }
    });
}

inline void rmsNormBackward(Context&, const RmsNormBackward& args)
{
    withStorage(args.x.dtype, [&](auto s) {
        using S = decltype(s);
        using C = typename Arithmetic<S>::C;
        const std::int64_t width = args.x.cols;
        const S* gain = args.gain.as<S>();
        if (args.dGain)
            rmsNormGainGradient<S>(args);
        parallelRows(args.x.rows, 2 * width, [&](std::int64_t row) {
            const S* x = args.x.as<S>() + row * width;
            const S* dy = args.dy.as<S>() + row * width;
            S* dx = args.dx.as<S>() + row * width;
            const C inverse = RowNorm<S>::inverseRms(x, width, args.eps);
            typename Arithmetic<S>::V products{};
            constexpr int kLanes = Arithmetic<S>::kLanes;
            std::int64_t i = 0;
            for (; i + kLanes <= width; i += kLanes)
                products += load(dy + i) * load(gain + i) * load(x + i);
            C dot = sumOf(products);
            for (; i < width; ++i)
                dot += loadOne(dy + i) * loadOne(gain + i) * loadOne(x + i);
            const C pull = dot * inverse * inverse * inverse / static_cast<C>(width);
            const C before = args.accumulate ? C(1) : C(0);
            for (i = 0; i < width; ++i) {
                const C old = args.accumulate ? loadOne(dx + i) * before : C(0);
                storeOne(dx + i, old + loadOne(dy + i) * loadOne(gain + i) * inverse - loadOne(x + i) * pull);
            }
        });
    });
}

inline void rope(Context&, const Rope& args)
{
    withStorage(args.x.dtype, [&](auto s) {
        using S = decltype(s);
        using C = typename Arithmetic<S>::C;
        const std::int64_t half = args.headSize / 2;
        const std::int64_t heads = args.x.cols / args.headSize;
        const auto* positions = args.positions.as<std::int32_t>();
        parallelRows(args.x.rows, args.x.cols, [&](std::int64_t row) {
            const float* cosines = args.table.as<float>() + positions[row] * args.headSize;
            const float* sines = cosines + half;
            for (std::int64_t head = 0; head < heads; ++head) {
                S* low = args.x.as<S>() + row * args.x.cols + head * args.headSize;
                S* high = low + half;
                for (std::int64_t i = 0; i < half; ++i) {
                    const C c = cosines[i];
                    const C n = args.inverse ? -sines[i] : sines[i];
                    const C a = loadOne(low + i);
                    const C b = loadOne(high + i);
                    storeOne(low + i, a * c - b * n);
                    storeOne(high + i, b * c + a * n);
                }
            }
        });
    });
}

template <typename S>
auto sigmoidOf(typename Arithmetic<S>::V x)
{
    return 1.0f / (1.0f + expOf(-x));
}

/// Runs vector(i) over whole vectors of an array and scalar(i) over the rest, in parallel blocks.
template <typename S, typename Vector, typename Scalar>
void elementwise(std::int64_t count, const Vector& vector, const Scalar& scalar)
{
    parallelBlocks(count, 16384, [&](std::int64_t begin, std::int64_t end) {
        std::int64_t i = begin;
        for (; i + Arithmetic<S>::kLanes <= end; i += Arithmetic<S>::kLanes)
            vector(i);
        for (; i < end; ++i)
            scalar(i);
    });
}

inline void swigluForward(Context&, const SwigluForward& args)
{
    withStorage(args.gate.dtype, [&](auto s) {
        using S = decltype(s);
        using C = typename Arithmetic<S>::C;
        const S* gate = args.gate.as<S>();
        const S* up = args.up.as<S>();
        S* product = args.product.as<S>();
        elementwise<S>(
            args.gate.elements(),
            [&](std::int64_t i) {
                const auto g = load(gate + i);
                store(product + i, g * sigmoidOf<S>(g) * load(up + i));
            },
            [&](std::int64_t i) {
                const C g = loadOne(gate + i);
                storeOne(product + i, g / (C(1) + std::exp(-g)) * loadOne(up + i));
            });
    });
}

inline void swigluBackward(Context&, const SwigluBackward& args)
{
    withStorage(args.gate.dtype, [&](auto s) {
        using S = decltype(s);
        using C = typename Arithmetic<S>::C;
        S* gate = args.gate.as<S>();
        S* up = args.up.as<S>();
        const S* d = args.dProduct.as<S>();
        elementwise<S>(
            args.gate.elements(),
            [&](std::int64_t i) {
                const auto g = load(gate + i);
                const auto u = load(up + i);
                const auto dp = load(d + i);
                const auto sig = sigmoidOf<S>(g);
                store(up + i, dp * g * sig);
                store(gate + i, dp * u * sig * (1.0f + g * (1.0f - sig)));
            },
            [&](std::int64_t i) {
                const C g = loadOne(gate + i);
                const C u = loadOne(up + i);
                const C dp = loadOne(d + i);
                const C sig = C(1) / (C(1) + std::exp(-g));
                storeOne(up + i, dp * g * sig);
                storeOne(gate + i, dp * u * sig * (C(1) + g * (C(1) - sig)));
            });
    });
}

inline void copyRow(const Mat& to, std::int64_t toRow, const Mat& from, std::int64_t fromRow)
{
    const std::uint64_t bytes = static_cast<std::uint64_t>(from.cols) * bytesOf(from.dtype);
    std::memcpy(to.as<char>() + static_cast<std::uint64_t>(toRow) * bytes, from.as<char>() + static_cast<std::uint64_t>(fromRow) * bytes, bytes);
}
inline void embed(Context&, const Embed& args)
{
    parallelRows(args.out.rows, args.out.cols, [&](std::int64_t row) { copyRow(args.out, row, args.table, args.tokens.as<std::int32_t>()[row]); });
}
inline void gatherRows(Context&, const GatherRows& args)
{
    parallelRows(args.out.rows, args.out.cols, [&](std::int64_t row) { copyRow(args.out, row, args.x, args.rows.as<std::int32_t>()[row]); });
}
inline void scatterRows(Context&, const ScatterRows& args)
{
    parallelRows(args.x.rows, args.x.cols, [&](std::int64_t row) { copyRow(args.out, args.rows.as<std::int32_t>()[row], args.x, row); });
}

inline void add(Context&, const Add& args)
{
    withStorage(args.y.dtype, [&](auto s) {
        using S = decltype(s);
        const S* a = args.a.as<S>();
        const S* b = args.b.as<S>();
        S* y = args.y.as<S>();
        elementwise<S>(
            args.y.elements(), [&](std::int64_t i) { store(y + i, load(a + i) + load(b + i)); },
            [&](std::int64_t i) { storeOne(y + i, loadOne(a + i) + loadOne(b + i)); });
    });
}

inline void addBias(Context&, const AddBias& args)
{
    withStorage(args.x.dtype, [&](auto s) {
        using S = decltype(s);
        const S* bias = args.bias.as<S>();
        parallelRows(args.x.rows, args.x.cols, [&](std::int64_t row) {
            S* x = args.x.as<S>() + row * args.x.cols;
            for (std::int64_t i = 0; i < args.x.cols; ++i)
                storeOne(x + i, loadOne(x + i) + loadOne(bias + i));
        });
    });
}

inline void convert(Context&, const Convert& args)
{
    withStorage(args.y.dtype, [&](auto to) {
        withStorage(args.x.dtype, [&](auto from) {
            using To = decltype(to);
            using From = decltype(from);
            using C = typename Arithmetic<To>::C;
            To* y = args.y.as<To>();
            const From* x = args.x.as<From>();
            parallelBlocks(args.y.elements(), 16384, [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end; ++i)
                    storeOne(y + i, static_cast<C>(loadOne(x + i)) * static_cast<C>(args.scale));
            });
        });
    });
}

inline void fillZero(Context&, const Mat& x)
{
    parallelBlocks(static_cast<std::int64_t>(x.bytes()), 1 << 18, [&](std::int64_t begin, std::int64_t end) {
        std::memset(x.as<char>() + begin, 0, static_cast<std::size_t>(end - begin));
    });
}

/// Partial sums over blocks of a fixed size, added in order: the thread count does not change a bit.
inline double sumOfSquares(Context&, const Mat& x)
{
    constexpr std::int64_t kBlock = 65536;
    constexpr std::int64_t kBlocksAtOnce = 64;
    double total = 0;
    withStorage(x.dtype, [&](auto s) {
        using S = decltype(s);
        const S* p = x.as<S>();
        for (std::int64_t start = 0; start < x.elements(); start += kBlock * kBlocksAtOnce) {
            double partial[kBlocksAtOnce] = {};
            const std::int64_t count = std::min(x.elements() - start, kBlock * kBlocksAtOnce);
            parallelBlocks(count, kBlock, [&](std::int64_t begin, std::int64_t end) {
                double sum = 0;
                for (std::int64_t i = start + begin; i < start + end; ++i)
                    sum += static_cast<double>(loadOne(p + i)) * static_cast<double>(loadOne(p + i));
                partial[begin / kBlock] = sum;
            });
            for (const double part : partial)
                total += part;
        }
    });
    return total;
}

}  // namespace lorikeet::kernels::LORIKEET_ISA
