// SPDX-License-Identifier: GPL-3.0-or-later
// Every own CUDA kernel against its CPU op, without a GPU: the same .cu sources run on the host, threads as fibers.
#include "tests/engine/kernels/cuda/host_launch.h"

#include "engine/kernels/cuda/attention.cu"
#include "engine/kernels/cuda/attention_backward.cu"
#include "engine/kernels/cuda/convert.cu"
#include "engine/kernels/cuda/dequantise.cu"
#include "engine/kernels/cuda/dora.cu"
#include "engine/kernels/cuda/optimizers.cu"
#include "engine/kernels/cuda/rms_norm.cu"
#include "engine/kernels/cuda/rows.cu"
#include "engine/kernels/cuda/swiglu.cu"
#include "engine/kernels/cuda/training.cu"
#include "engine/kernels/cuda/weight_gradients.cu"

#undef threadIdx
#undef blockIdx
#undef blockDim
#undef gridDim

#include "engine/base/error.h"
#include "tests/engine/kernels/cuda/kernel_cases.h"

#include <QtTest>

#include <cstring>

using namespace lorikeet;
using namespace lorikeet::test;

namespace {

constexpr std::uint64_t kBenchBytes = 32 << 20;
alignas(8) std::byte g_partial[kernels::cuda::kPartialBytes];

template <auto Launch, typename Args>
void run(kernels::Context&, const Args& args)
{
    QVERIFY(Launch(nullptr, args));
}

/// Our kernels in a table, as the module has them.
kernels::OpTable hostTable()
{
    using namespace kernels;
    OpTable table;
    table.name = "cuda on the host";
    table.rmsNormForward = run<cuda::launchRmsNormForward, RmsNormForward>;
    table.rmsNormBackward = [](Context&, const RmsNormBackward& args) { QVERIFY(cuda::launchRmsNormBackward(nullptr, args, g_partial)); };
    table.rope = run<cuda::launchRope, Rope>;
    table.attentionForward = run<cuda::launchAttentionForward, AttentionForward>;
    table.attentionBackward = run<cuda::launchAttentionBackward, AttentionBackward>;
    table.attentionCached = run<cuda::launchAttentionCached, AttentionCached>;
    table.swigluForward = run<cuda::launchSwigluForward, SwigluForward>;
    table.swigluBackward = run<cuda::launchSwigluBackward, SwigluBackward>;
    table.crossEntropy = run<cuda::launchCrossEntropy, CrossEntropy>;
    table.embed = run<cuda::launchEmbed, Embed>;
    table.gatherRows = run<cuda::launchGatherRows, GatherRows>;
    table.scatterRows = run<cuda::launchScatterRows, ScatterRows>;
    table.dropout = run<cuda::launchDropout, Dropout>;
    table.add = run<cuda::launchAdd, Add>;
    table.addBias = run<cuda::launchAddBias, AddBias>;
    table.convert = run<cuda::launchConvert, Convert>;
    table.fillZero = run<cuda::launchFillZero, Mat>;
    table.sumOfSquares = [](Context&, const Mat& x) {
        cuda::launchSumOfSquares(nullptr, x, g_partial);
        double sum = 0;
        std::memcpy(&sum, g_partial, sizeof sum);
        return sum;
    };
    table.adamW = run<cuda::launchAdamW, AdamW>;
    table.adamW8bit = run<cuda::launchAdamW8bit, AdamW8bit>;
    table.sgdMomentum = run<cuda::launchSgdMomentum, SgdMomentum>;
    table.lion = run<cuda::launchLion, Lion>;
    table.dequantise = run<cuda::launchDequantise, Dequantise>;
    table.embedBackward = run<cuda::launchEmbedBackward, EmbedBackward>;
    table.sumRows = run<cuda::launchSumRows, SumRows>;
    table.rowNorms = run<cuda::launchRowNorms, RowNorms>;
    table.scaleColumns = run<cuda::launchScaleColumns, ScaleColumns>;
    table.magnitudeGradient = run<cuda::launchMagnitudeGradient, MagnitudeGradient>;
    table.upload = [](Context&, const Mat& to, const void* from) { std::memcpy(to.data, from, to.bytes()); };
    table.download = [](Context&, void* to, const Mat& from) { std::memcpy(to, from.data, from.bytes()); };
    return table;
}

}  // namespace

class TestCudaKernelsHost : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void kernelsAgreeWithTheCpu_data()
    {
        QTest::addColumn<int>("index");
        const std::vector<KernelCase> cases = kernelCases();
        for (std::size_t i = 0; i < cases.size(); ++i)
            if (!cases[i].name.starts_with("matmul"))
                QTest::newRow(cases[i].name.c_str()) << static_cast<int>(i);
    }
    void kernelsAgreeWithTheCpu()
    {
        QFETCH(int, index);
        const KernelCase one = kernelCases()[static_cast<std::size_t>(index)];
        const kernels::OpTable table = hostTable();
        const auto resultsOf = [&](const kernels::OpTable& ops) {
            std::vector<std::byte> memory(kBenchBytes);
            kernels::Context context;
            context.ops = &ops;
            Bench bench(context, memory.data(), memory.size());
            return one.run(bench);
        };
        const std::string wrong = disagreement(resultsOf(table), resultsOf(kernels::cpuOps()), one.tolerance);
        QVERIFY2(wrong.empty(), wrong.c_str());
    }
    void zeroRowsBehindAndTransposeDoWhatTheySay()
    {
        Values x = randomValues(DType::F32, 7, 3, 1);
        const Values before = x;
        Values documents = int32Values({0, 2, 5});
        Values turned = randomValues(DType::F32, 3, 7, 2);
        QVERIFY(kernels::cuda::launchTranspose(nullptr, turned.mat(), x.mat()));
        QVERIFY(kernels::cuda::launchZeroRowsBehind(nullptr, x.mat(), documents.mat()));
        for (std::int64_t row = 0; row < 7; ++row)
            for (std::int64_t col = 0; col < 3; ++col) {
                QCOMPARE(x.at(row * 3 + col), row < 5 ? before.at(row * 3 + col) : 0.0);
                QCOMPARE(turned.at(col * 7 + row), before.at(row * 3 + col));
            }
    }
    void aWrongKernelIsNoticed()
    {
        // The comparison itself can fail: one ulp passes in bf16, two do not, and fp32 has its tolerance.
        Values a = randomValues(DType::BF16, 1, 9, 3);
        Values b = a;
        b.mat().as<std::uint16_t>()[4] += 1;
        QVERIFY(disagreement({a}, {b}, 1e-6).empty());
        b.mat().as<std::uint16_t>()[4] += 1;
        QVERIFY(!disagreement({a}, {b}, 1e-6).empty());
        QVERIFY(!disagreement({a}, {a, a}, 1e-6).empty());
        Values c = randomValues(DType::F32, 1, 9, 3);
        Values d = c;
        d.mat().as<float>()[0] += 1e-4f;
        QVERIFY(!disagreement({c}, {d}, 1e-6).empty());
        QVERIFY(!disagreement({c}, {d}, 0).empty());
    }
    void aBarrierThatNotAllReachIsAnError()
    {
        QVERIFY_EXCEPTION_THROWN(runGrid(1, 32, 0, [] {
            if (fiberBlock().threadIndex().x > 3)
                __syncwarp();
        }), std::exception);
        int sum = 0;
        runGrid(3, 64, 4, [&] {
            auto* shared = reinterpret_cast<int*>(fiberBlock().shared());
            if (fiberBlock().threadIndex().x == 0)
                *shared = 5;
            __syncthreads();
            if (fiberBlock().threadIndex().x == 63)
                sum += *shared;
        });
        QCOMPARE(sum, 15);
    }
};

QTEST_GUILESS_MAIN(TestCudaKernelsHost)
#include "tst_cuda_kernels_host.moc"
