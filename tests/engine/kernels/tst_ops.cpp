// SPDX-License-Identifier: GPL-3.0-or-later
// Every op against ATen: values and, through LibTorch's tape, gradients; fp64 on the reference path, fp32, and bf16 storage.
#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "engine/base/system.h"
#include "engine/kernels/cpu/tables.h"
#include "engine/kernels/matmul.h"
#include "engine/kernels/op_table.h"
#include "engine/tensor/torch_view.h"
#include "tests/engine/kernels/op_tensors.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <QtTest>

#include <cmath>

using namespace lorikeet;
using namespace lorikeet::test;
using kernels::Mat;

namespace {

#define NEAR(ours, theirs)                                                                                     \
    do {                                                                                                       \
        const double d = difference(ours, theirs);                                                             \
        QVERIFY2(d <= tolerance(m_dtype), qPrintable(QString("%1: %2").arg(#ours).arg(d)));                    \
    } while (false)

}  // namespace

class TestOps : public QObject {
    Q_OBJECT

private:
    /// Random values in the storage type under test, exact in it.
    at::Tensor random(std::initializer_list<std::int64_t> sizes) const
    {
        return at::randn(at::IntArrayRef(sizes.begin(), sizes.size()), at::TensorOptions().dtype(at::kDouble)).to(scalarOf(m_dtype));
    }
    at::Tensor like(const at::Tensor& t) const { return at::zeros_like(t); }
    at::Tensor statistics(std::initializer_list<std::int64_t> sizes) const
    {
        return at::zeros(at::IntArrayRef(sizes.begin(), sizes.size()), at::TensorOptions().dtype(m_dtype == DType::F64 ? at::kDouble : at::kFloat));
    }
    /// The operand in fp64 as a leaf of the tape.
    static at::Tensor leaf(const at::Tensor& t) { return t.to(at::kDouble).clone().requires_grad_(true); }
    static void dtypes()
    {
        QTest::addColumn<int>("dtype");
        QTest::newRow("fp64") << static_cast<int>(DType::F64);
        QTest::newRow("fp32") << static_cast<int>(DType::F32);
        QTest::newRow("bf16") << static_cast<int>(DType::BF16);
    }
    void begin()
    {
        QFETCH(int, dtype);
        m_dtype = static_cast<DType>(dtype);
    }

private Q_SLOTS:
    /// The runs that play a lesser processor (their names end with _avx2 and _avx512) really do.
    void theInstructionSetIsTheOneAskedFor()
    {
        const QByteArray ours = qgetenv("LORIKEET_MAX_ISA");
        QVERIFY2(ours.isEmpty() || ours == "avx2" || ours == "avx512", ours);
        if (ours == "avx2")
            QCOMPARE(&kernels::cpuOps(), &kernels::avx2Table());
        if (ours == "avx512" && processor().avx512)
            QCOMPARE(&kernels::cpuOps(), &kernels::avx512Table());
        const QByteArray oneDnn = qgetenv("ONEDNN_MAX_CPU_ISA");
        QVERIFY2(oneDnn.isEmpty() || oneDnn == "AVX2", oneDnn);
        if (oneDnn == "AVX2")
            QVERIFY(!kernels::cpuMultipliesBf16());
    }

    void initTestCase()
    {
        m_scratch.resize(64 << 20);
        m_context.ops = &kernels::cpuOps();
        m_context.matmulScratch = m_scratch.data();
        m_context.matmulScratchBytes = m_scratch.size() / 2;
        m_context.widenScratch = m_scratch.data() + m_scratch.size() / 2;
        m_context.widenScratchBytes = m_scratch.size() / 2;
        qInfo("kernels: %s, bf16 products %s", m_context.ops->name, kernels::cpuMultipliesBf16() ? "native" : "widened");
    }

    void matmul_data() { dtypes(); }
    void matmul()
    {
        begin();
        for (const bool ta : {false, true})
            for (const bool tb : {false, true})
                for (const double beta : {0.0, 1.0})
                    for (const auto& [m, n, k] : {std::tuple{1, 5, 7}, {33, 48, 576}, {64, 16, 1536}, {16, 576, 130}}) {
                        const at::Tensor a = ta ? random({k, m}) : random({m, k});
                        const at::Tensor b = tb ? random({n, k}) : random({k, n});
                        const at::Tensor c = random({m, n});
                        const at::Tensor expected = (ta ? a.t() : a).to(at::kDouble).matmul((tb ? b.t() : b).to(at::kDouble)) * 0.5 + c.to(at::kDouble) * beta;
                        kernels::matmul(m_context, {.c = matOf(c), .a = matOf(a), .transposeA = ta, .b = matOf(b), .transposeB = tb, .alpha = 0.5, .beta = beta});
                        NEAR(c, expected);
                    }
    }
    void bf16ProductsSumIntoFp32()
    {
        m_dtype = DType::BF16;
        const at::Tensor a = random({200, 24});
        const at::Tensor b = random({200, 31});
        const at::Tensor c = at::randn({24, 31}, at::TensorOptions().dtype(at::kFloat));
        const at::Tensor expected = c.to(at::kDouble) + a.t().to(at::kDouble).matmul(b.to(at::kDouble));
        kernels::matmul(m_context, {.c = matOf(c), .a = matOf(a), .transposeA = true, .b = matOf(b), .beta = 1.0});
        QVERIFY2(difference(c, expected) <= 1e-5, qPrintable(QString::number(difference(c, expected))));
    }
    /// Two oneDNNs live in one process, ours and the one inside LibTorch: both must be right on every instruction set.
    void libTorchsProductStaysRight()
    {
        const at::Tensor a = at::randn({70, 90}, at::TensorOptions().dtype(at::kFloat));
        const at::Tensor b = at::randn({90, 50}, at::TensorOptions().dtype(at::kFloat));
        QVERIFY(difference(a.matmul(b), a.to(at::kDouble).matmul(b.to(at::kDouble))) <= 1e-5);
    }

    void rmsNorm_data() { dtypes(); }
    void rmsNorm()
    {
        begin();
        const at::Tensor x = random({37, 75});
        const at::Tensor gain = random({75});
        const at::Tensor dy = random({37, 75});
        const at::Tensor y = like(x);
        const at::Tensor before = random({37, 75});
        const at::Tensor dx = before.clone();
        const at::Tensor dGain = statistics({75});
        kernels::rmsNormForward(m_context, {matOf(y), matOf(x), matOf(gain), 1e-3});
        kernels::rmsNormBackward(m_context, {matOf(dx), matOf(dy), matOf(x), matOf(gain), matOf(dGain), 1e-3, true});
        const at::Tensor lx = leaf(x);
        const at::Tensor lg = leaf(gain);
        const at::Tensor expected = lx * (lx.pow(2).mean(-1, true) + 1e-3).rsqrt() * lg;
        expected.backward(dy.to(at::kDouble));
        NEAR(y, expected);
        NEAR(dx, lx.grad() + before.to(at::kDouble));
        NEAR(dGain, lg.grad());
        const at::Tensor inPlace = dy.clone();
        kernels::rmsNormBackward(m_context, {.dx = matOf(inPlace), .dy = matOf(inPlace), .x = matOf(x), .gain = matOf(gain), .eps = 1e-3});
        NEAR(inPlace, lx.grad());
    }

    void rope_data() { dtypes(); }
    void rope()
    {
        begin();
        ModelShape shape;
        shape.headSize = 12;
        shape.ropeTheta = 1000;
        const std::vector<float> table = kernels::ropeTable(shape, 64);
        const at::Tensor tableTensor = at::empty({64, 12}, at::TensorOptions().dtype(at::kFloat));
        std::copy(table.begin(), table.end(), tableTensor.data_ptr<float>());
        const at::Tensor positions = (at::arange(20, at::TensorOptions().dtype(at::kInt)) * 7).remainder(64).to(at::kInt).contiguous();
        const at::Tensor x = random({20, 36});
        const at::Tensor dy = random({20, 36});
        const at::Tensor y = x.clone();
        const at::Tensor dx = dy.clone();
        kernels::rope(m_context, {matOf(y), matOf(positions), matOf(tableTensor), 12, false});
        kernels::rope(m_context, {matOf(dx), matOf(positions), matOf(tableTensor), 12, true});
        const at::Tensor rows = tableTensor.index_select(0, positions.to(at::kLong)).to(at::kDouble);
        const at::Tensor c = rows.narrow(1, 0, 6).unsqueeze(1);
        const at::Tensor s = rows.narrow(1, 6, 6).unsqueeze(1);
        const at::Tensor lx = leaf(x);
        const at::Tensor heads = lx.reshape({20, 3, 12});
        const at::Tensor low = heads.narrow(2, 0, 6);
        const at::Tensor high = heads.narrow(2, 6, 6);
        const at::Tensor expected = at::cat({low * c - high * s, high * c + low * s}, 2).reshape({20, 36});
        expected.backward(dy.to(at::kDouble));
        NEAR(y, expected);
        NEAR(dx, lx.grad());
    }

    void swiglu_data() { dtypes(); }
    void swiglu()
    {
        begin();
        const at::Tensor gate = random({19, 53}) * 3;
        const at::Tensor up = random({19, 53});
        const at::Tensor dy = random({19, 53});
        const at::Tensor product = like(gate);
        kernels::swigluForward(m_context, {matOf(product), matOf(gate), matOf(up)});
        const at::Tensor lg = leaf(gate);
        const at::Tensor lu = leaf(up);
        const at::Tensor expected = lg * lg.sigmoid() * lu;
        expected.backward(dy.to(at::kDouble));
        kernels::swigluBackward(m_context, {matOf(gate), matOf(up), matOf(dy)});
        NEAR(product, expected);
        NEAR(gate, lg.grad());
        NEAR(up, lu.grad());
    }

    void crossEntropy_data() { dtypes(); }
    void crossEntropy()
    {
        begin();
        const at::Tensor logits = random({23, 131}) * 5;
        const at::Tensor targets = (at::arange(23, at::TensorOptions().dtype(at::kInt)) * 17).remainder(131).to(at::kInt).contiguous();
        const at::Tensor losses = statistics({23});
        const at::Tensor leafLogits = leaf(logits);
        const at::Tensor expected = -leafLogits.log_softmax(-1).gather(1, targets.to(at::kLong).unsqueeze(1)).flatten();
        (expected.sum() * 0.25).backward();
        const at::Tensor forwardOnly = logits.clone();
        kernels::crossEntropy(m_context, {matOf(forwardOnly), matOf(targets), matOf(losses), false, 0});
        QCOMPARE(difference(forwardOnly, logits), 0.0);
        kernels::crossEntropy(m_context, {matOf(logits), matOf(targets), matOf(losses), true, 0.25});
        NEAR(losses, expected);
        NEAR(logits, leafLogits.grad());
    }

    void attention_data()
    {
        QTest::addColumn<int>("dtype");
        QTest::addColumn<int>("headSize");
        QTest::addColumn<int>("window");
        for (const DType dtype : {DType::F64, DType::F32, DType::BF16})
            for (const int headSize : {8, 20, 64, 128})
                for (const int window : {0, 1, 50, 100})
                    QTest::addRow("%s head %d window %d", std::string(nameOf(dtype)).c_str(), headSize, window) << static_cast<int>(dtype) << headSize << window;
    }
    void attention()
    {
        begin();
        QFETCH(int, headSize);
        QFETCH(int, window);
        constexpr std::int64_t kHeads = 4;
        constexpr std::int64_t kKv = 2;
        const std::vector<std::int32_t> starts{0, 1, 66, 200};  // lengths 1, 65, 134; four rows belong to nobody
        constexpr std::int64_t kRows = 204;
        const at::Tensor documents = at::empty({4}, at::TensorOptions().dtype(at::kInt));
        std::copy(starts.begin(), starts.end(), documents.data_ptr<std::int32_t>());
        const at::Tensor q = random({kRows, kHeads * headSize}) * 2;
        const at::Tensor k = random({kRows, kKv * headSize}) * 2;
        const at::Tensor v = random({kRows, kKv * headSize});
        const at::Tensor dout = random({kRows, kHeads * headSize});
        const double scale = 1.0 / std::sqrt(headSize);
        const at::Tensor out = random({kRows, kHeads * headSize});
        const at::Tensor lse = statistics({kRows, kHeads});
        kernels::attentionForward(m_context, {matOf(out), matOf(lse), matOf(q), matOf(k), matOf(v), matOf(documents), headSize, scale, window, 134});

        const at::Tensor lq = leaf(q);
        const at::Tensor lk = leaf(k);
        const at::Tensor lv = leaf(v);
        std::vector<at::Tensor> parts;
        for (std::size_t d = 0; d + 1 < starts.size(); ++d)
            parts.push_back(plainAttention(lq, lk, lv, starts[d], starts[d + 1] - starts[d], headSize, scale, window));
        const at::Tensor expected = at::cat({at::cat(parts, 0), at::zeros({4, kHeads * headSize}, at::TensorOptions().dtype(at::kDouble))}, 0);
        expected.backward(dout.to(at::kDouble));
        NEAR(out, expected);

        const at::Tensor dq = random({kRows, kHeads * headSize});
        const at::Tensor dk = random({kRows, kKv * headSize});
        const at::Tensor dv = random({kRows, kKv * headSize});
        const at::Tensor delta = statistics({kRows, kHeads});
        const at::Tensor sum = statistics({kRows, kHeads * headSize});
        // The backward pass uses the true output: rounding of `out` is the forward's matter.
        kernels::attentionBackward(m_context, {.dq = matOf(dq), .dk = matOf(dk), .dv = matOf(dv), .delta = matOf(delta),
                                               .sum = m_dtype == DType::BF16 ? matOf(sum) : Mat{}, .dout = matOf(dout), .out = matOf(out), .lse = matOf(lse),
                                               .q = matOf(q), .k = matOf(k), .v = matOf(v), .documents = matOf(documents), .headSize = headSize,
                                               .scale = scale, .window = window, .maxDocument = 134});
        // dq of a query that sees one key only is zero: compare on the scale of all three.
        const double size = std::max({lq.grad().abs().max().item<double>(), lk.grad().abs().max().item<double>(), lv.grad().abs().max().item<double>()});
        for (const auto& [ours, theirs] : {std::pair{dq, lq.grad()}, {dk, lk.grad()}, {dv, lv.grad()}}) {
            const double d = (ours.to(at::kDouble) - theirs).abs().max().item<double>() / size;
            QVERIFY2(d <= tolerance(m_dtype), qPrintable(QString::number(d)));
        }
    }

    void rowsAndSmallOps_data() { dtypes(); }
    void rowsAndSmallOps()
    {
        begin();
        const at::Tensor table = random({29, 33});
        const at::Tensor ids = (at::arange(15, at::TensorOptions().dtype(at::kInt)) * 11).remainder(29).to(at::kInt).contiguous();
        const at::Tensor picked = random({15, 33});
        kernels::embed(m_context, {matOf(picked), matOf(table), matOf(ids)});
        QCOMPARE(difference(picked, table.index_select(0, ids.to(at::kLong))), 0.0);
        const at::Tensor gathered = random({15, 33});
        kernels::gatherRows(m_context, {matOf(gathered), matOf(table), matOf(ids)});
        QCOMPARE(difference(gathered, picked), 0.0);
        const at::Tensor scattered = at::zeros_like(table);
        kernels::scatterRows(m_context, {matOf(scattered), matOf(gathered), matOf(ids)});
        QCOMPARE(difference(scattered.index_select(0, ids.to(at::kLong)), picked), 0.0);
        QCOMPARE(scattered.abs().sum(1).gt(0).sum().item<std::int64_t>(), std::int64_t{15});

        const at::Tensor a = random({15, 33});
        const at::Tensor b = random({15, 33});
        const at::Tensor y = like(a);
        kernels::add(m_context, {matOf(y), matOf(a), matOf(b)});
        NEAR(y, a.to(at::kDouble) + b.to(at::kDouble));
        const at::Tensor bias = random({33});
        const at::Tensor x = a.clone();
        kernels::addBias(m_context, {matOf(x), matOf(bias)});
        NEAR(x, a.to(at::kDouble) + bias.to(at::kDouble));
        const at::Tensor scaled = a.clone();
        kernels::convert(m_context, {matOf(scaled), matOf(scaled), 0.22});
        NEAR(scaled, a.to(at::kDouble) * 0.22);
        const double squares = kernels::sumOfSquares(m_context, matOf(a));
        QVERIFY(std::abs(squares - a.to(at::kDouble).pow(2).sum().item<double>()) <= 1e-9 * squares);
    }

    void conversionRoundsToNearestEven()
    {
        // Every bf16 number, its neighbours in fp32 and the ties between them.
        std::vector<float> inputs;
        for (std::uint32_t high = 0; high < 0x10000; ++high)
            for (const std::uint32_t low : {0u, 1u, 0x7FFFu, 0x8000u, 0x8001u, 0xFFFFu})
                inputs.push_back(std::bit_cast<float>(high << 16 | low));
        const at::Tensor from = at::empty({static_cast<std::int64_t>(inputs.size())}, at::TensorOptions().dtype(at::kFloat));
        std::copy(inputs.begin(), inputs.end(), from.data_ptr<float>());
        const at::Tensor ours = at::empty({from.size(0)}, at::TensorOptions().dtype(at::kBFloat16));
        kernels::convert(m_context, {matOf(ours), matOf(from), 1.0});
        const at::Tensor theirs = from.to(at::kBFloat16);
        const auto* a = static_cast<const std::uint16_t*>(ours.data_ptr());
        const auto* b = static_cast<const std::uint16_t*>(theirs.data_ptr());
        for (std::int64_t i = 0; i < from.size(0); ++i)
            if (!std::isnan(inputs[static_cast<std::size_t>(i)]) && a[i] != b[i])
                QFAIL(qPrintable(QString("input bits %1").arg(std::bit_cast<std::uint32_t>(inputs[static_cast<std::size_t>(i)]), 8, 16)));
    }

    void dropoutIsKeyedByWhatIsDropped()
    {
        const at::Tensor x = at::zeros({40, 70}, at::TensorOptions().dtype(at::kFloat)) + 1.0;
        const at::Tensor positions = at::arange(40, at::TensorOptions().dtype(at::kInt));
        const at::Tensor samples = at::zeros({40}, at::TensorOptions().dtype(at::kLong)) + 5;
        const at::Tensor y = at::zeros_like(x);
        kernels::dropout(m_context, {matOf(y), matOf(x), matOf(positions), matOf(samples), 0.3, 11, 4, 9, false});
        for (int row = 0; row < 40; ++row)
            for (int column = 0; column < 70; ++column) {
                const auto words = philox4x32({static_cast<std::uint32_t>(column / 4), static_cast<std::uint32_t>(row), 5, 9}, {11, 4});
                const bool kept = static_cast<double>(words[static_cast<std::size_t>(column % 4)]) / 4294967296.0 >= 0.3;
                QCOMPARE(y.data_ptr<float>()[row * 70 + column], kept ? 1.0f / 0.7f : 0.0f);
            }
        const double share = y.gt(0).to(at::kDouble).mean().item<double>();
        QVERIFY(share > 0.65 && share < 0.75);
    }

    void wrongShapesAreNamed()
    {
        const at::Tensor a = at::zeros({3, 4}, at::TensorOptions().dtype(at::kFloat));
        const at::Tensor b = at::zeros({5, 6}, at::TensorOptions().dtype(at::kFloat));
        try {
            kernels::add(m_context, {matOf(a), matOf(a), matOf(b)});
            QFAIL("no error");
        } catch (const Error& error) {
            QVERIFY(error.code() == ErrorCode::Internal);
            QVERIFY2(QString(error.what()).contains("[5 x 6 fp32]"), error.what());
        }
    }

private:
    static at::Tensor plainAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, std::int64_t start, std::int64_t count,
                                     std::int64_t headSize, double scale, std::int64_t window)
    {
        const auto heads = [&](const at::Tensor& t) { return t.narrow(0, start, count).reshape({count, -1, headSize}).permute({1, 0, 2}); };
        const at::Tensor qh = heads(q);
        const at::Tensor kh = heads(k).repeat_interleave(2, 0);
        const at::Tensor vh = heads(v).repeat_interleave(2, 0);
        const at::Tensor rows = at::arange(count, at::TensorOptions().dtype(at::kLong)).unsqueeze(1);
        const at::Tensor columns = at::arange(count, at::TensorOptions().dtype(at::kLong)).unsqueeze(0);
        at::Tensor hidden = columns.gt(rows);
        if (window > 0)
            hidden = hidden.logical_or(columns.le(rows - window));
        const at::Tensor scores = (qh.matmul(kh.transpose(1, 2)) * scale).masked_fill(hidden, -1e300);
        return scores.softmax(-1).matmul(vh).permute({1, 0, 2}).reshape({count, -1});
    }

    DType m_dtype = DType::F32;
    kernels::Context m_context;
    std::vector<std::byte> m_scratch;
};

QTEST_GUILESS_MAIN(TestOps)
#include "tst_ops.moc"
