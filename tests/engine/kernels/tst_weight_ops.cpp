// SPDX-License-Identifier: GPL-3.0-or-later
// The ops on weights against their definitions and LibTorch's tape; whose numbers must equal bitsandbytes' is tst_bitsandbytes_parity's.
#include "engine/base/error.h"
#include "engine/kernels/op_table.h"
#include "engine/kernels/threads.h"
#include "tests/engine/kernels/op_tensors.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <QtTest>

#include <cmath>

using namespace lorikeet;
using namespace lorikeet::test;
using kernels::QuantMat;

namespace {

const auto kFloats = at::TensorOptions().dtype(at::kFloat);
const auto kDoubles = at::TensorOptions().dtype(at::kDouble);

at::Tensor random(std::initializer_list<std::int64_t> sizes, at::ScalarType type)
{
    return at::randn(at::IntArrayRef(sizes.begin(), sizes.size()), kDoubles).to(type);
}

/// Codes and scales of an NF4 matrix, every code in both halves of a byte.
struct Packed {
    explicit Packed(std::int64_t rows, std::int64_t cols)
        : codes((at::arange((rows * cols + 1) / 2, at::TensorOptions().dtype(at::kInt)) * 37 + 11).remainder(256).to(at::kByte))
        , absmax(random({(rows * cols + 63) / 64}, at::kFloat).abs())
        , matrix{.kind = Quantization::Nf4, .rows = rows, .cols = cols, .codes = matOf(codes), .absmax = matOf(absmax)}
    {
    }
    [[nodiscard]] float at(std::int64_t i) const
    {
        const std::uint8_t byte = codes.data_ptr<std::uint8_t>()[i / 2];
        return kNf4Code[i % 2 == 0 ? byte >> 4 : byte & 15] * absmax.data_ptr<float>()[i / 64];
    }
    at::Tensor codes;
    at::Tensor absmax;
    QuantMat matrix;
};

}  // namespace

class TestWeightOps : public QObject {
    Q_OBJECT

    kernels::Context m_context;

    template <typename Act>
    void verifyRefused(const Act& act, const char* part)
    {
        try {
            act();
            QFAIL("no error");
        } catch (const Error& error) {
            QVERIFY(error.code() == ErrorCode::Internal);
            QVERIFY2(QString(error.what()).contains(part), error.what());
        }
    }

private Q_SLOTS:
    void initTestCase() { m_context.ops = &kernels::cpuOps(); }

    void adamWFollowsItsDefinition()
    {
        constexpr std::int64_t kCount = 70000;
        const at::Tensor p = at::randn({kCount}, kFloats);
        const at::Tensor m = at::zeros({kCount}, kFloats);
        const at::Tensor v = at::zeros({kCount}, kFloats);
        const at::Tensor work = at::zeros({kCount}, at::TensorOptions().dtype(at::kBFloat16));
        at::Tensor ep = p.to(at::kDouble);
        at::Tensor em = m.to(at::kDouble);
        at::Tensor ev = v.to(at::kDouble);
        for (int step = 1; step <= 5; ++step) {
            const at::Tensor g = at::randn({kCount}, kFloats);
            kernels::adamW(m_context, {matOf(p), matOf(g), matOf(m), matOf(v), matOf(work), 1e-2, 0.9, 0.99, 1e-8, 0.1, 0.5, step});
            const at::Tensor eg = g.to(at::kDouble) * 0.5;
            em = em * 0.9 + eg * 0.1;
            ev = ev * 0.99 + eg * eg * 0.01;
            ep = ep * (1 - 1e-2 * 0.1) - em * (1e-2 / (1 - std::pow(0.9, step))) / ((ev / (1 - std::pow(0.99, step))).sqrt() + 1e-8);
        }
        QVERIFY2(difference(p, ep) <= 1e-6, qPrintable(QString::number(difference(p, ep))));
        QCOMPARE(difference(work, p.to(at::kBFloat16)), 0.0);
    }

    /// Blocks of the state start at multiples of 256 elements: two ranges with rates of their own are two steps.
    void aRangeOfAnEightBitStateIsAStateOfItsOwn()
    {
        constexpr std::int64_t kCount = 256 * 40 + 100;
        constexpr std::int64_t kCut = 256 * 7;
        const at::Tensor start = at::randn({kCount}, kFloats);
        const at::Tensor g = at::randn({kCount}, kFloats);
        struct State {
            at::Tensor p, m, v, a, b;
        };
        const auto fresh = [&] {
            const auto bytes = at::TensorOptions().dtype(at::kByte);
            return State{start.clone(), at::zeros({kCount}, bytes), at::zeros({kCount}, bytes), at::zeros({41}, kFloats), at::zeros({41}, kFloats)};
        };
        const auto step = [&](const State& s, std::int64_t first, std::int64_t last, double rate) {
            const auto part = [&](const at::Tensor& t) { return matOf(t.narrow(0, first, last - first)); };
            const auto blocks = [&](const at::Tensor& t) { return matOf(t.narrow(0, first / 256, optimizerBlocks(last - first))); };
            kernels::adamW8bit(m_context, {.parameter = part(s.p), .gradient = part(g), .moment1 = part(s.m), .moment2 = part(s.v), .absmax1 = blocks(s.a),
                                           .absmax2 = blocks(s.b), .learningRate = rate});
        };
        const State whole = fresh();
        const State parts = fresh();
        step(whole, 0, kCount, 1e-2);
        step(parts, kCut, kCount, 1e-2);
        step(parts, 0, kCut, 16e-2);
        QVERIFY(whole.m.equal(parts.m) && whole.v.equal(parts.v) && whole.a.equal(parts.a) && whole.b.equal(parts.b));
        QVERIFY(whole.p.narrow(0, kCut, kCount - kCut).equal(parts.p.narrow(0, kCut, kCount - kCut)));
        const at::Tensor moved = (parts.p - start).narrow(0, 0, kCut);
        QVERIFY(difference(moved, (whole.p - start).narrow(0, 0, kCut) * 16.0) <= 1e-4);
    }

    void everyElementOfNf4IsItsCodeTimesItsScale()
    {
        for (const auto& [rows, cols] : {std::pair{9, 64}, {5, 77}, {3, 1}, {33, 130}}) {
            const Packed packed(rows, cols);
            const at::Tensor y = at::zeros({rows, cols}, kFloats);
            const at::Tensor wide = at::zeros({rows, cols}, kDoubles);
            const at::Tensor half = at::zeros({rows, cols}, at::TensorOptions().dtype(at::kBFloat16));
            for (const at::Tensor& out : {y, wide, half})
                kernels::dequantise(m_context, {matOf(out), packed.matrix});
            for (std::int64_t i = 0; i < y.numel(); ++i)
                QCOMPARE(y.data_ptr<float>()[i], packed.at(i));
            QVERIFY(wide.equal(y.to(at::kDouble)));
            QVERIFY(half.equal(y.to(at::kBFloat16)));
        }
    }

    void embeddingGradientsAreAutograds_data()
    {
        QTest::addColumn<int>("dtype");
        for (const DType dtype : {DType::F64, DType::F32, DType::BF16})
            QTest::newRow(std::string(nameOf(dtype)).c_str()) << static_cast<int>(dtype);
    }
    void embeddingGradientsAreAutograds()
    {
        QFETCH(int, dtype);
        const auto type = static_cast<DType>(dtype);
        const at::Tensor dx = random({300, 77}, scalarOf(type));
        const at::Tensor tokens = (at::arange(300, at::TensorOptions().dtype(at::kInt)) * 7).remainder(23).to(at::kInt).contiguous();
        const at::Tensor before = random({40, 77}, type == DType::F64 ? at::kDouble : at::kFloat);
        const at::Tensor dTable = before.clone();
        kernels::embedBackward(m_context, {matOf(dTable), matOf(dx), matOf(tokens)});
        const at::Tensor table = at::zeros({40, 77}, kDoubles).requires_grad_(true);
        table.index_select(0, tokens.to(at::kLong)).backward(dx.to(at::kDouble));
        QVERIFY(difference(dTable, before.to(at::kDouble) + table.grad()) <= (type == DType::F64 ? 1e-12 : 1e-6));

        const at::Tensor biasBefore = random({77}, before.scalar_type());
        const at::Tensor dBias = biasBefore.clone();
        kernels::sumRows(m_context, {matOf(dBias), matOf(dx)});
        const at::Tensor bias = at::zeros({77}, kDoubles).requires_grad_(true);
        (at::zeros({300, 77}, kDoubles) + bias).backward(dx.to(at::kDouble));
        QVERIFY(difference(dBias, biasBefore.to(at::kDouble) + bias.grad()) <= (type == DType::F64 ? 1e-12 : 1e-6));
    }

    void magnitudesAreAutograds_data() { embeddingGradientsAreAutograds_data(); }
    /// y = x m / |v| + bias, differentiated with the norms held fixed.
    void magnitudesAreAutograds()
    {
        QFETCH(int, dtype);
        const auto type = static_cast<DType>(dtype);
        const at::ScalarType statistics = type == DType::F64 ? at::kDouble : at::kFloat;
        const double limit = type == DType::F64 ? 1e-12 : type == DType::F32 ? 1e-6 : 2e-2;
        const at::Tensor v = random({77, 301}, scalarOf(type));
        const at::Tensor norms = at::empty_like(random({77}, statistics));
        kernels::rowNorms(m_context, {matOf(norms), matOf(v)});
        QVERIFY(difference(norms, v.to(at::kDouble).pow(2).sum(1).sqrt()) <= (type == DType::F64 ? 1e-12 : 1e-6));

        const at::Tensor x = random({300, 77}, scalarOf(type));
        const at::Tensor dy = random({300, 77}, scalarOf(type));
        const at::Tensor bias = random({77}, scalarOf(type));
        const at::Tensor magnitude = random({77}, statistics);
        const at::Tensor y = at::empty_like(x);
        kernels::scaleColumns(m_context, {matOf(y), matOf(x), matOf(magnitude), matOf(norms), matOf(bias)});
        const at::Tensor leaf = magnitude.to(at::kDouble).clone().requires_grad_(true);
        const at::Tensor unbiased = x.to(at::kDouble) * (leaf / norms.to(at::kDouble));
        QVERIFY(difference(y, unbiased + bias.to(at::kDouble)) <= limit);
        const at::Tensor before = random({77}, statistics);
        const at::Tensor gradient = before.clone();
        kernels::magnitudeGradient(m_context, {matOf(gradient), matOf(dy), matOf(x), matOf(norms)});
        unbiased.backward(dy.to(at::kDouble));
        QVERIFY(difference(gradient, before.to(at::kDouble) + leaf.grad()) <= (type == DType::F64 ? 1e-12 : 1e-5));
        const at::Tensor inPlace = x.clone();
        kernels::scaleColumns(m_context, {matOf(inPlace), matOf(inPlace), matOf(magnitude), matOf(norms), {}});
        QVERIFY(difference(inPlace, unbiased) <= limit);
        // A magnitude equal to the norm changes no bit: that is how an adapter starts.
        kernels::scaleColumns(m_context, {matOf(y), matOf(x), matOf(norms), matOf(norms), {}});
        QVERIFY(y.equal(x));
    }

    void sumsDoNotDependOnThreads()
    {
        const at::Tensor dx = random({500, 333}, at::kBFloat16);
        const at::Tensor tokens = (at::arange(500, at::TensorOptions().dtype(at::kInt)) * 3).remainder(11).to(at::kInt).contiguous();
        std::vector<at::Tensor> tables;
        std::vector<at::Tensor> biases;
        for (const int threads : {1, 2, 5}) {
            kernels::setCpuThreads(threads);
            tables.push_back(at::zeros({11, 333}, kFloats));
            biases.push_back(at::zeros({333}, kFloats));
            kernels::embedBackward(m_context, {matOf(tables.back()), matOf(dx), matOf(tokens)});
            kernels::sumRows(m_context, {matOf(biases.back()), matOf(dx)});
        }
        kernels::setCpuThreads(2);
        for (std::size_t i = 1; i < tables.size(); ++i)
            QVERIFY(tables[i].equal(tables[0]) && biases[i].equal(biases[0]));
    }

    void wrongBuffersAreNamed()
    {
        const Packed packed(8, 64);
        const at::Tensor y = at::zeros({8, 64}, kFloats);
        QuantMat matrix = packed.matrix;
        matrix.codes.cols -= 1;
        verifyRefused([&] { kernels::dequantise(m_context, {matOf(y), matrix}); }, "codes");
        matrix = packed.matrix;
        matrix.absmax.dtype = DType::U8;
        verifyRefused([&] { kernels::dequantise(m_context, {matOf(y), matrix}); }, "nestedAbsmax");
        matrix = packed.matrix;
        matrix.kind = Quantization::None;
        verifyRefused([&] { kernels::dequantise(m_context, {matOf(y), matrix}); }, "not quantised");
        verifyRefused([&] { kernels::dequantise(m_context, {matOf(y), packed.matrix, 1}); }, "rows from 1");
        const at::Tensor p = at::zeros({512}, kFloats);
        verifyRefused([&] { kernels::sgdMomentum(m_context, {.parameter = matOf(p), .gradient = matOf(p)}); }, "velocity");
        verifyRefused([&] { kernels::rowNorms(m_context, {matOf(p), matOf(y)}); }, "norms");
        verifyRefused([&] { kernels::scaleColumns(m_context, {matOf(y), matOf(y), matOf(p), matOf(p), {}}); }, "magnitude");
        verifyRefused([&] { kernels::magnitudeGradient(m_context, {matOf(p), matOf(y), matOf(y), matOf(p)}); }, "dMagnitude");
        verifyRefused([&] { kernels::lion(m_context, {.parameter = matOf(p), .gradient = matOf(p)}); }, "lion");
        verifyRefused([&] { kernels::adamW8bit(m_context, {.parameter = matOf(p), .gradient = matOf(p), .moment1 = matOf(p), .moment2 = matOf(p)}); }, "moment");
    }
};

QTEST_GUILESS_MAIN(TestWeightOps)
#include "tst_weight_ops.moc"
