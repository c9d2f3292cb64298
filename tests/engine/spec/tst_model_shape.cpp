// SPDX-License-Identifier: GPL-3.0-or-later
// Shapes of models against published parameter counts, and refusal of damaged ones.
#include "engine/base/error.h"
#include "engine/spec/model_shape.h"

#include <QtTest/QtTest>

#include <functional>

using namespace lorikeet;

namespace {

ModelShape smolLm2()
{
    ModelShape shape;
    shape.family = "llama";
    shape.layers = 30;
    shape.hidden = 576;
    shape.heads = 9;
    shape.kvHeads = 3;
    shape.headSize = 64;
    shape.mlp = 1536;
    shape.vocab = 49152;
    shape.maxContext = 8192;
    shape.tiedHead = true;
    return shape;
}

ModelShape shapeOfNumbers(std::array<std::int64_t, 7> n, bool tied)
{
    ModelShape shape = smolLm2();
    std::tie(shape.layers, shape.hidden, shape.heads, shape.kvHeads, shape.headSize, shape.mlp, shape.vocab) = std::tuple_cat(n);
    shape.tiedHead = tied;
    return shape;
}

}  // namespace

Q_DECLARE_METATYPE(lorikeet::ModelShape)

class TestModelShape : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void parameterCountsAreThePublishedOnes_data()
    {
        QTest::addColumn<ModelShape>("shape");
        QTest::addColumn<quint64>("published");
        const auto row = [](const char* name, ModelShape shape, quint64 published) { QTest::newRow(name) << shape << published; };
        row("SmolLM2-135M", smolLm2(), 134'515'008);
        row("Llama-3.2-1B", shapeOfNumbers({16, 2048, 32, 8, 64, 8192, 128256}, true), 1'235'814'400);
        ModelShape qwen2 = shapeOfNumbers({24, 896, 14, 2, 64, 4864, 151936}, true);
        qwen2.qkvBias = true;
        row("Qwen2.5-0.5B", qwen2, 494'032'768);
        ModelShape qwen3 = shapeOfNumbers({28, 1024, 16, 8, 128, 3072, 151936}, true);
        qwen3.qkNorm = true;
        row("Qwen3-0.6B", qwen3, 596'049'920);
        row("Mistral-7B-v0.1", shapeOfNumbers({32, 4096, 32, 8, 128, 14336, 32000}, false), 7'241'732'096);
        row("Llama-3.1-8B", shapeOfNumbers({32, 4096, 32, 8, 128, 14336, 128256}, false), 8'030'261'248);
    }
    void parameterCountsAreThePublishedOnes()
    {
        QFETCH(ModelShape, shape);
        QFETCH(quint64, published);
        validateShape(shape, "config.json");
        QCOMPARE(quint64{shape.parameterCount()}, published);
    }

    /// 10^15 parameters and more: named, not wrapped around.
    void modelsBeyondAllMeasureAreRefused_data()
    {
        QTest::addColumn<ModelShape>("shape");
        QTest::addColumn<QString>("named");
        const std::int64_t wide = 1 << 20;
        QTest::newRow("MLP") << shapeOfNumbers({4096, wide, 4096, 4096, 256, 1 << 22, 49152}, false) << "the MLP width (intermediate_size 4194304), the number of layers (num_hidden_layers 4096) and the hidden width (hidden_size 1048576)";
        QTest::newRow("heads") << shapeOfNumbers({4096, wide, 4096, 4096, 4096, 64, 49152}, true) << "the number of heads (num_attention_heads 4096), the head size (head_dim 4096), the number of layers (num_hidden_layers 4096)";
    }
    void modelsBeyondAllMeasureAreRefused()
    {
        QFETCH(ModelShape, shape);
        QFETCH(QString, named);
        try {
            validateShape(shape, "huge/config.json");
            QFAIL("accepted");
        } catch (const Error& error) {
            QVERIFY2(QString::fromStdString(error.message()).contains(named), error.what());
            QVERIFY2(QString::fromStdString(error.message()).endsWith("parameters, expected at most 10^15"), error.what());
        }
    }

    void thousandsOfTimesTheLargestModelIsAccepted()
    {
        // 9.85e14 parameters: 4 bytes of weights, 4 of gradients and 8 of moments each stay below 2^64.
        const ModelShape shape = shapeOfNumbers({2048, 1 << 18, 2048, 2048, 128, 1 << 18, 1 << 17}, true);
        validateShape(shape, "config.json");
        QVERIFY(shape.parameterCount() > 900'000'000'000'000 && shape.parameterCount() <= kMostParameters);
    }

    void normsOfFamiliesThatAreOnlyPlannedForCount()
    {
        ModelShape shape = smolLm2();
        const std::uint64_t plain = shape.parameterCount();
        shape.normsPerLayer = 4;
        QCOMPARE(shape.parameterCount() - plain, std::uint64_t{30 * 2 * 576});
        shape = smolLm2();
        shape.normBias = true;
        QCOMPARE(shape.parameterCount() - plain, std::uint64_t{30 * 2 * 576 + 576});
        shape = smolLm2();
        shape.qkNorm = shape.qkNormWholeWidth = true;
        QCOMPARE(shape.layerNormParameterCount(), std::uint64_t{2 * 576 + 576 + 192});
    }

    void familiesThatCannotRunAreRefusedInOneSentence()
    {
        ModelShape shape = smolLm2();
        for (const char* family : {"llama", "mistral", "qwen2", "qwen3", "granite", "smollm3", "olmo2"}) {
            shape.family = family;
            QVERIFY(runnableFamily(shape));
            requireRunnableFamily(shape, "x");
        }
        shape.family = "gemma2";
        QVERIFY(!runnableFamily(shape));
        try {
            requireRunnableFamily(shape, "models/gemma");
            QFAIL("accepted");
        } catch (const Error& error) {
            QCOMPARE(error.message(), std::string("models/gemma is a gemma2 model: it can be planned for, not run"));
        }
    }

    void theQueryWidthMayDifferFromTheHiddenWidth()
    {
        ModelShape shape = smolLm2();
        shape.headSize = 128;
        QCOMPARE(shapeOf(Linear::Q, shape).out, std::int64_t{1152});
        QCOMPARE(shapeOf(Linear::O, shape).in, std::int64_t{1152});
        QCOMPARE(shapeOf(Linear::O, shape).out, std::int64_t{576});
        QCOMPARE(shapeOf(Linear::K, shape).out, std::int64_t{384});
        QCOMPARE(shapeOf(Linear::Down, shape).in, std::int64_t{1536});
        QCOMPARE(shape.attentionScale(), 1.0 / std::sqrt(128.0));
    }

    void layersHaveTheirWindowAndPositions()
    {
        ModelShape shape = smolLm2();
        QVERIFY(shape.windowOf(0) == 0 && shape.hasRope(3));
        shape.slidingWindow = 64;
        shape.slidingFrom = 2;
        QVERIFY(shape.windowOf(1) == 0 && shape.windowOf(2) == 64);
        shape.noRopePeriod = 4;
        QVERIFY(shape.hasRope(2) && !shape.hasRope(3) && shape.hasRope(4) && !shape.hasRope(7));
        shape.attentionMultiplier = 0.25;
        QCOMPARE(shape.attentionScale(), 0.25);
    }

    void biasesBelongToTheMapsThatHaveThem()
    {
        ModelShape shape = smolLm2();
        const std::uint64_t without = shape.layerParameterCount();
        shape.qkvBias = true;
        QCOMPARE(shape.layerParameterCount() - without, std::uint64_t{576 + 2 * 192});
        QVERIFY(hasBias(Linear::V, shape) && !hasBias(Linear::O, shape) && !hasBias(Linear::Up, shape));
        shape.outBias = true;
        QVERIFY(hasBias(Linear::O, shape));
        shape.mlpBias = true;
        QVERIFY(hasBias(Linear::Gate, shape) && hasBias(Linear::Down, shape));
    }

    void modulePathsAreThoseOfHuggingFace()
    {
        for (const Linear linear : kLinears)
            QVERIFY(std::string(modulePathOf(linear)).ends_with(std::string(".") + nameOf(linear)));
        QCOMPARE(std::string(modulePathOf(Linear::O)), std::string("self_attn.o_proj"));
        QCOMPARE(std::string(modulePathOf(Linear::Up)), std::string("mlp.up_proj"));
    }

    void damagedShapesAreRefusedByName_data()
    {
        QTest::addColumn<int>("which");
        QTest::addColumn<QString>("named");
        const std::array<const char*, 21> named{"layers", "hidden width", "heads", "kv heads", "head size", "MLP width",    "vocabulary",
                                                "context length", "multiple", "odd", "norm epsilon", "rope theta", "scaling factor", "rope theta", "residual multiplier", "scaling of the logits", "first layer",
                                                "beta_fast", "beta_slow", "attention factor", "original context"};
        for (std::size_t i = 0; i < named.size(); ++i)
            QTest::newRow(qPrintable(QStringLiteral("%1 %2").arg(i).arg(named[i]))) << static_cast<int>(i) << QString(named[i]);
    }
    void damagedShapesAreRefusedByName()
    {
        QFETCH(int, which);
        QFETCH(QString, named);
        const auto yarn = [](ModelShape& s) -> RopeScaling& { s.ropeScaling.type = RopeScaling::Type::Yarn; return s.ropeScaling; };
        const std::array<std::function<void(ModelShape&)>, 21> damages{
            [](ModelShape& s) { s.layers = 0; },           [](ModelShape& s) { s.hidden = -1; },
            [](ModelShape& s) { s.heads = 0; },            [](ModelShape& s) { s.kvHeads = 10; },
            [](ModelShape& s) { s.headSize = 1 << 20; },   [](ModelShape& s) { s.mlp = std::int64_t{1} << 60; },
            [](ModelShape& s) { s.vocab = 0; },            [](ModelShape& s) { s.maxContext = 0; },
            [](ModelShape& s) { s.kvHeads = 2; },          [](ModelShape& s) { s.headSize = 63; },
            [](ModelShape& s) { s.normEps = 0; },          [](ModelShape& s) { s.ropeTheta = -1; },
            [](ModelShape& s) { s.ropeScaling.factor = 0; }, [](ModelShape& s) { s.ropeTheta = std::numeric_limits<double>::infinity(); },
            [](ModelShape& s) { s.residualScale = -0.2; },   [](ModelShape& s) { s.logitDivisor = 0; },
            [](ModelShape& s) { s.slidingFrom = 31; },
            [&](ModelShape& s) { yarn(s).betaFast = 0; },    [&](ModelShape& s) { yarn(s).betaSlow = -1; },
            [&](ModelShape& s) { yarn(s).attentionFactor = std::numeric_limits<double>::quiet_NaN(); },
            [&](ModelShape& s) { yarn(s).originalContext = 0; }};
        ModelShape shape = smolLm2();
        damages[static_cast<std::size_t>(which)](shape);
        try {
            validateShape(shape, "tiny/config.json");
            QFAIL("accepted");
        } catch (const Error& error) {
            QCOMPARE(error.code(), ErrorCode::BadInput);
            QVERIFY2(QString::fromStdString(error.message()).contains(named), error.what());
            QVERIFY(error.message().starts_with("tiny/config.json: "));
            QVERIFY(!error.hint().empty());
        }
    }

    void namesAndSizesOfElementTypesAgree()
    {
        QCOMPARE(bytesOf(DType::BF16), std::uint64_t{2});
        QCOMPARE(bytesOf(DType::F64), std::uint64_t{8});
        QCOMPARE(bytesOf(DType::I32), std::uint64_t{4});
        QCOMPARE(nameOf(DType::F16), std::string_view("fp16"));
        QCOMPARE(nameOf(DType::U8), std::string_view("uint8"));
    }
};

QTEST_GUILESS_MAIN(TestModelShape)
#include "tst_model_shape.moc"
