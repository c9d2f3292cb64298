// SPDX-License-Identifier: GPL-3.0-or-later
// The cases: every op in fp32 and bf16, at sizes that fit no vector, warp or block.
#include "tests/engine/kernels/cuda/kernel_cases.h"

#include <cmath>
#include <numeric>

namespace lorikeet::test {

namespace {

using kernels::Mat;

constexpr DType kTypes[] = {DType::F32, DType::BF16};

class Cases {
public:
    void add(std::string name, DType dtype, double tolerance, std::function<std::vector<Values>(Bench&)> run, bool ownKernel = true)
    {
        list.push_back({std::move(name) + " " + std::string(nameOf(dtype)), std::move(run), tolerance, ownKernel});
    }
    std::vector<KernelCase> list;
};

/// A CPU bench of its own, for operands that must be the same on both sides.
struct CpuSide {
    explicit CpuSide(std::size_t bytes) : memory(bytes), bench(context, memory.data(), bytes) { context.ops = &kernels::cpuOps(); }
    kernels::Context context;
    std::vector<std::byte> memory;
    Bench bench;
};

std::vector<std::int32_t> picked(std::int64_t count, std::int64_t below)
{
    std::vector<std::int32_t> list(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < list.size(); ++i)
        list[i] = static_cast<std::int32_t>(static_cast<std::int64_t>(i * 29 + 5) % below);
    return list;
}

void addRows(Cases& cases, DType t)
{
    for (const std::int64_t width : {1, 75, 128}) {
        const std::string size = " of " + std::to_string(width);
        cases.add("embed" + size, t, 0, [=](Bench& b) {
            const Mat out = b.garbage(t, 37, width);
            kernels::embed(b.context(), {out, b.put(randomValues(t, 101, width, 1)), b.put(int32Values(picked(37, 101)))});
            return std::vector{b.get(out)};
        });
        cases.add("gather and scatter" + size, t, 0, [=](Bench& b) {
            const Mat rows = b.put(int32Values(picked(11, 37)));
            const Mat out = b.garbage(t, 11, width);
            const Mat spread = b.put(randomValues(t, 37, width, 2));
            kernels::gatherRows(b.context(), {out, b.put(randomValues(t, 37, width, 3)), rows});
            kernels::scatterRows(b.context(), {spread, out, rows});
            return std::vector{b.get(out), b.get(spread)};
        });
    }
    cases.add("rope", t, 1e-6, [=](Bench& b) {
        const Mat table = b.put(randomValues(DType::F32, 64, 24, 4));
        const Mat positions = b.put(int32Values(picked(37, 64)));
        const Mat x = b.put(randomValues(t, 37, 72, 5));
        const Mat back = b.put(randomValues(t, 37, 72, 5));
        kernels::rope(b.context(), {x, positions, table, 24, false});
        kernels::rope(b.context(), {back, positions, table, 24, true});
        return std::vector{b.get(x), b.get(back)};
    });
    cases.add("add and bias", t, 0, [=](Bench& b) {
        const Mat y = b.garbage(t, 33, 75);
        kernels::add(b.context(), {y, b.put(randomValues(t, 33, 75, 6)), b.put(randomValues(t, 33, 75, 7))});
        const Mat x = b.put(randomValues(t, 33, 75, 8));
        kernels::addBias(b.context(), {x, b.put(randomValues(t, 1, 75, 9))});
        return std::vector{b.get(y), b.get(x)};
    });
    cases.add("zero", t, 0, [=](Bench& b) {
        const Mat x = b.garbage(t, 33, 75);
        kernels::fillZero(b.context(), x);
        return std::vector{b.get(x)};
    });
    for (const DType to : {DType::F32, DType::BF16, DType::F64})
        cases.add("convert to " + std::string(nameOf(to)) + " from", t, 0, [=](Bench& b) {
            const Mat y = b.garbage(to, 33, 75);
            kernels::convert(b.context(), {y, b.put(randomValues(t, 33, 75, 10)), 0.7});
            return std::vector{b.get(y)};
        });
    cases.add("scale in place", t, 0, [=](Bench& b) {
        const Mat x = b.put(randomValues(t, 33, 75, 10));
        kernels::convert(b.context(), {x, x, 0.22});
        return std::vector{b.get(x)};
    });
}

void addNorms(Cases& cases, DType t)
{
    for (const std::int64_t width : {5, 75, 576}) {
        cases.add("rmsNorm of " + std::to_string(width), t, 1e-6, [=](Bench& b) {
            const Mat y = b.garbage(t, 19, width);
            kernels::rmsNormForward(b.context(), {y, b.put(randomValues(t, 19, width, 11)), b.put(randomValues(t, 1, width, 12)), 1e-3});
            return std::vector{b.get(y)};
        });
        cases.add("rmsNorm backward of " + std::to_string(width), t, 1e-6, [=](Bench& b) {
            const Mat x = b.put(randomValues(t, 19, width, 13));
            const Mat gain = b.put(randomValues(t, 1, width, 14));
            const Mat dy = b.put(randomValues(t, 19, width, 15));
            const Mat dx = b.put(randomValues(t, 19, width, 16));
            const Mat dGain = b.put(randomValues(DType::F32, 1, width, 17));
            kernels::rmsNormBackward(b.context(), {dx, dy, x, gain, dGain, 1e-3, true});
            kernels::rmsNormBackward(b.context(), {.dx = dy, .dy = dy, .x = x, .gain = gain, .eps = 1e-3});
            return std::vector{b.get(dx), b.get(dGain), b.get(dy)};
        });
    }
}

void addTraining(Cases& cases, DType t)
{
    cases.add("swiglu", t, 1e-6, [=](Bench& b) {
        const Mat gate = b.put(randomValues(t, 33, 75, 18, 3.0));
        const Mat up = b.put(randomValues(t, 33, 75, 19));
        const Mat product = b.garbage(t, 33, 75);
        kernels::swigluForward(b.context(), {product, gate, up});
        kernels::swigluBackward(b.context(), {gate, up, b.put(randomValues(t, 33, 75, 20))});
        return std::vector{b.get(product), b.get(gate), b.get(up)};
    });
    for (const std::int64_t width : {3, 101, 1000})
        for (const bool gradient : {false, true})
            cases.add("crossEntropy of " + std::to_string(width) + (gradient ? " with gradient" : ""), t, 1e-5, [=](Bench& b) {
                const Mat logits = b.put(randomValues(t, 13, width, 21, 4.0));
                const Mat losses = b.garbage(DType::F32, 1, 13);
                kernels::crossEntropy(b.context(), {logits, b.put(int32Values(picked(13, width))), losses, gradient, 0.25});
                return std::vector{b.get(losses), b.get(logits)};
            });
    for (const bool accumulate : {false, true})
        cases.add(accumulate ? "dropout added" : "dropout", t, accumulate ? 1e-6 : 0.0, [=](Bench& b) {
            std::vector<std::int64_t> samples(33);
            std::iota(samples.begin(), samples.end(), (std::int64_t{1} << 33) + 5);
            const Mat y = b.put(randomValues(t, 33, 75, 22));
            kernels::dropout(b.context(), {y, b.put(randomValues(t, 33, 75, 23)), b.put(int32Values(picked(33, 1000))), b.put(int64Values(samples)), 0.25, 77, 13,
                                           5, accumulate});
            return std::vector{b.get(y)};
        });
    for (const std::int64_t width : {1, 1000, 40001})
        cases.add("sumOfSquares of " + std::to_string(width), t, 1e-12, [=](Bench& b) {
            const double sum = kernels::sumOfSquares(b.context(), b.put(randomValues(t, 1, width, 24)));
            Values values{std::vector<std::byte>(sizeof sum), DType::F64, 1, 1};
            *values.mat().as<double>() = sum;
            return std::vector{values};
        });
    cases.add("adamW, work", t, 1e-6, [=](Bench& b) {
        const Mat p = b.put(randomValues(DType::F32, 1, 1001, 25));
        const Mat m = b.put(randomValues(DType::F32, 1, 1001, 26));
        Values squares = randomValues(DType::F32, 1, 1001, 27);
        for (std::int64_t i = 0; i < squares.cols; ++i)
            squares.mat().as<float>()[i] = std::abs(squares.mat().as<float>()[i]);
        const Mat v = b.put(squares);
        const Mat work = t == DType::BF16 ? b.garbage(t, 1, 1001) : Mat{};
        kernels::adamW(b.context(), {.parameter = p, .gradient = b.put(randomValues(DType::F32, 1, 1001, 28)), .moment1 = m, .moment2 = v, .work = work,
                                     .learningRate = 1e-2, .weightDecay = 0.1, .gradientScale = 0.3, .step = 3});
        std::vector<Values> results{b.get(p), b.get(m), b.get(v)};
        if (work)
            results.push_back(b.get(work));
        return results;
    });
}

/// Packed documents, one of them empty, one of a single row, and rows behind the last.
struct Packed {
    DType dtype;
    std::int64_t heads;
    std::int64_t kvHeads;
    std::int64_t headSize;
    std::int64_t window;
    std::vector<std::int32_t> starts{0, 5, 5, 6, 76, 109};
    std::int64_t rows = 128;
    std::int64_t longest = 70;
    double scale = 0.3;

    [[nodiscard]] Values query(std::uint32_t seed) const { return randomValues(dtype, rows, heads * headSize, seed); }
    [[nodiscard]] Values key(std::uint32_t seed) const { return randomValues(dtype, rows, kvHeads * headSize, seed); }

    std::vector<Values> forward(Bench& b) const
    {
        const Mat out = b.garbage(dtype, rows, heads * headSize);
        const Mat lse = b.garbage(DType::F32, rows, heads);
        kernels::attentionForward(b.context(), {out, lse, b.put(query(31)), b.put(key(32)), b.put(key(33)), b.put(int32Values(starts)), headSize, scale, window,
                                                longest});
        return {b.get(out), b.get(lse)};
    }
    /// Output and statistics of forward are the CPU's on both sides: their rounding is not the subject.
    std::vector<Values> backward(Bench& b) const
    {
        CpuSide cpu(16 << 20);
        const std::vector<Values> before = forward(cpu.bench);
        const Mat dq = b.garbage(dtype, rows, heads * headSize);
        const Mat dk = b.garbage(dtype, rows, kvHeads * headSize);
        const Mat dv = b.garbage(dtype, rows, kvHeads * headSize);
        kernels::attentionBackward(b.context(), {.dq = dq, .dk = dk, .dv = dv, .delta = b.garbage(DType::F32, rows, heads),
                                                 .sum = dtype == DType::BF16 ? b.garbage(DType::F32, rows, heads * headSize) : Mat{},
                                                 .dout = b.put(query(34)), .out = b.put(before[0]), .lse = b.put(before[1]), .q = b.put(query(31)),
                                                 .k = b.put(key(32)), .v = b.put(key(33)), .documents = b.put(int32Values(starts)), .headSize = headSize,
                                                 .scale = scale, .window = window, .maxDocument = longest});
        return {b.get(dq), b.get(dk), b.get(dv)};
    }
    std::vector<Values> cached(Bench& b, std::int64_t first, std::int64_t count) const
    {
        const Mat out = b.garbage(dtype, count, heads * headSize);
        kernels::attentionCached(b.context(), {out, b.put(randomValues(dtype, count, heads * headSize, 35)), b.put(key(36)), b.put(key(37)), first, headSize,
                                               scale, window});
        return {b.get(out)};
    }
};

void addAttention(Cases& cases, DType t)
{
    for (const Packed& p : {Packed{t, 3, 1, 24, 0}, Packed{t, 2, 2, 64, 9}, Packed{t, 4, 2, 18, 40}, Packed{t, 1, 1, 256, 0}}) {
        const std::string name = std::to_string(p.heads) + "/" + std::to_string(p.kvHeads) + " x " + std::to_string(p.headSize) + " window " + std::to_string(p.window);
        cases.add("attention " + name, t, 1e-5, [=](Bench& b) { return p.forward(b); }, t == DType::F32);
        cases.add("attention backward " + name, t, 1e-5, [=](Bench& b) { return p.backward(b); }, t == DType::F32);
        for (const auto& [first, count] : {std::pair{0, 33}, {70, 1}, {90, 5}})
            cases.add("attentionCached " + name + " at " + std::to_string(first), t, 1e-5,
                      [p, start = first, many = count](Bench& b) { return p.cached(b, start, many); });
    }
}

void addProducts(Cases& cases, DType t)
{
    for (const bool ta : {false, true})
        for (const bool tb : {false, true})
            for (const DType result : {t, DType::F32})
                cases.add(std::string("matmul ") + (ta ? "T" : "N") + (tb ? "T" : "N") + " to " + std::string(nameOf(result)) + " from", t, 1e-5, [=](Bench& b) {
                    const Mat c = b.put(randomValues(result, 33, 48, 41));
                    const Mat a = b.put(ta ? randomValues(t, 576, 33, 42) : randomValues(t, 33, 576, 42));
                    const Mat other = b.put(tb ? randomValues(t, 48, 576, 43) : randomValues(t, 576, 48, 43));
                    kernels::matmul(b.context(), {.c = c, .a = a, .transposeA = ta, .b = other, .transposeB = tb, .alpha = 0.5, .beta = 1.0});
                    return std::vector{b.get(c)};
                }, false);
}

}  // namespace

std::vector<KernelCase> kernelCases()
{
    Cases cases;
    for (const DType t : kTypes) {
        addRows(cases, t);
        addNorms(cases, t);
        addTraining(cases, t);
        addAttention(cases, t);
        addProducts(cases, t);
        addWeightCases(cases.list, t);
    }
    return std::move(cases.list);
}

}  // namespace lorikeet::test
