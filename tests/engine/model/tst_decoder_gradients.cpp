// SPDX-License-Identifier: GPL-3.0-or-later
// The hand-written decoder against LibTorch's tape: loss and every adapter gradient, all families, all recompute levels.
#include "tests/engine/model/autograd_decoder.h"
#include "tests/engine/model/random_model.h"

#include "engine/base/check.h"
#include "engine/kernels/dequantise.h"

#include <QtTest>

#include <algorithm>
#include <cmath>

using namespace lorikeet;
using namespace lorikeet::test;

namespace {

/// Largest difference relative to the largest value of b.
double relativeDifference(const std::vector<double>& a, const std::vector<double>& b)
{
    double most = 0;
    double scale = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        most = std::max(most, std::abs(a[i] - b[i]));
        scale = std::max(scale, std::abs(b[i]));
    }
    return most / scale;
}

struct Difference {
    double loss = 0;
    double gradient = 0;
    std::size_t parameters = 0;  ///< of the model that are trained
};

/// What the quantised matrices are read as.
OtherWeights dequantisedOf(LoadedModel& loaded)
{
    OtherWeights others;
    for (std::int64_t layer = 0; layer < loaded.source.shape().layers; ++layer)
        for (const Linear linear : kLinears) {
            const kernels::QuantMat matrix = loaded.decoder->weights(layer).at(linear).quantised;
            if (!matrix)
                continue;
            std::vector<double>& values = others[{ParamKind::LinearWeight, static_cast<int>(layer), linear}];
            values.resize(static_cast<std::size_t>(matrix.rows * matrix.cols));
            kernels::dequantise(loaded.context, {{values.data(), DType::F64, matrix.rows, matrix.cols}, matrix});
        }
    return others;
}

Difference compare(const std::string& shapeName, const Job& job, bool reference, const Plant& plant = {})
{
    LoadedModel loaded(smallShape(shapeName), job, {.guardBytes = 0, .reference = reference});
    const data::MicroBatch batch = randomBatch({37, 21, 40}, loaded.source.shape().vocab, 3);
    const double scale = 1.0 / static_cast<double>(batch.supervised);
    const double lossSum = loaded.decoder->trainMicroBatch(batch, {scale, 0.0, 0, 1}, {});
    const OracleResult oracle = autogradLoss(loaded.source, loaded.plan.layout.trained, loaded.adapter, batch, scale, plant, dequantisedOf(loaded));
    Difference d{std::abs(lossSum - oracle.lossSum) / std::abs(oracle.lossSum), relativeDifference(loaded.gradient(), oracle.gradient)};
    for (const plan::ParameterSlot& slot : loaded.plan.layout.trained.parameters) {
        const auto valuesOf = [&](const std::vector<double>& flat) {
            const auto first = flat.begin() + slot.offset;
            return std::vector<double>(first, first + slot.rows * slot.cols);
        };
        const std::vector<double> theirs = valuesOf(oracle.gradient);
        LORIKEET_CHECK(std::ranges::any_of(theirs, [](double g) { return g != 0; }), "a trained parameter without gradient");
        // Against its own scale: a table's gradient would hide a norm's. A key's bias has none but rounding: softmax does not see it.
        if (slot.id.kind != ParamKind::LinearBias)
            d.gradient = std::max(d.gradient, relativeDifference(valuesOf(loaded.gradient()), theirs));
        ++d.parameters;
    }
    return d;
}

}  // namespace

class TestDecoderGradients : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void referencePathEqualsAutogradInFp64_data()
    {
        QTest::addColumn<QString>("shape");
        QTest::addColumn<int>("level");
        for (const std::string& name : smallShapeNames())
            for (int level = 0; level <= 3; ++level)
                QTest::addRow("%s level %d", name.c_str(), level) << QString::fromStdString(name) << level;
    }
    void referencePathEqualsAutogradInFp64()
    {
        QFETCH(QString, shape);
        QFETCH(int, level);
        Job job = smallJob(64, 2);
        job.recipe.recompute = std::to_string(level);
        const Difference d = compare(shape.toStdString(), job, true);
        QVERIFY2(d.loss <= 1e-9, qPrintable(QString::number(d.loss)));
        QVERIFY2(d.gradient <= 1e-9, qPrintable(QString::number(d.gradient)));
    }

    void magnitudesEqualAutogradInFp64_data() { referencePathEqualsAutogradInFp64_data(); }
    void magnitudesEqualAutogradInFp64()
    {
        QFETCH(QString, shape);
        QFETCH(int, level);
        Job job = smallJob(64, 2);
        job.recipe.dora = true;
        job.recipe.recompute = std::to_string(level);
        const Difference d = compare(shape.toStdString(), job, true);
        QVERIFY2(d.loss <= 1e-9, qPrintable(QString::number(d.loss)));
        QVERIFY2(d.gradient <= 1e-9, qPrintable(QString::number(d.gradient)));
        const Difference single = compare(shape.toStdString(), job, false);
        QVERIFY2(single.loss <= 1e-4 && single.gradient <= 1e-4, qPrintable(QString::number(single.gradient)));
    }

    /// PEFT and the paper (section 4.3) take the norms as constants.
    void gradientsDoNotGoThroughTheNorms()
    {
        Job job = smallJob(64, 2);
        job.recipe.dora = true;
        Plant plant;
        plant.liveNorms = true;
        const Difference d = compare("llama", job, true, plant);
        QVERIFY2(d.loss <= 1e-9 && d.gradient > 1e-3, qPrintable(QString::number(d.gradient)));
    }

    void fp32EqualsAutogradWithin1e4_data()
    {
        QTest::addColumn<QString>("shape");
        for (const std::string& name : smallShapeNames())
            QTest::addRow("%s", name.c_str()) << QString::fromStdString(name);
    }
    void fp32EqualsAutogradWithin1e4()
    {
        QFETCH(QString, shape);
        const Difference d = compare(shape.toStdString(), smallJob(64, 2), false);
        QVERIFY2(d.loss <= 1e-4, qPrintable(QString::number(d.loss)));
        QVERIFY2(d.gradient <= 1e-4, qPrintable(QString::number(d.gradient)));
    }

    void fullFineTuningEqualsAutogradInFp64_data() { referencePathEqualsAutogradInFp64_data(); }
    void fullFineTuningEqualsAutogradInFp64()
    {
        QFETCH(QString, shape);
        QFETCH(int, level);
        Job job = smallJob(64, 2);
        job.recipe.method = "full";
        job.recipe.recompute = std::to_string(level);
        const Difference d = compare(shape.toStdString(), job, true);
        QVERIFY2(d.loss <= 1e-9, qPrintable(QString::number(d.loss)));
        QVERIFY2(d.gradient <= 1e-9, qPrintable(QString::number(d.gradient)));
    }

    void whatIsAlsoTrainedEqualsAutogradInFp64_data()
    {
        QTest::addColumn<QString>("shape");
        QTest::addColumn<QString>("also");
        QTest::addColumn<QString>("kind");
        for (const std::string& name : smallShapeNames())
            for (const char* also : {"embeddings", "head", "norms", "embeddings,head", "embeddings,head,norms"})
                for (const char* kind : {"none", "nf4"})
                    QTest::addRow("%s, %s, %s", name.c_str(), also, kind) << QString::fromStdString(name) << QString(also) << QString(kind);
    }
    void whatIsAlsoTrainedEqualsAutogradInFp64()
    {
        QFETCH(QString, shape);
        QFETCH(QString, also);
        QFETCH(QString, kind);
        for (const char* levels : {"0", "0:1,1:2,2:3", "3"}) {
            Job job = smallJob(64, 2);
            job.recipe.targets = {"q", "down"};
            job.recipe.recompute = levels;
            job.recipe.quantization = kind.toStdString();
            for (const QString& word : also.split(','))
                job.recipe.alsoTrain.push_back(word.toStdString());
            const Difference d = compare(shape.toStdString(), job, true);
            QVERIFY2(d.loss <= 1e-9, qPrintable(QString::number(d.loss)));
            QVERIFY2(d.gradient <= 1e-9, qPrintable(QString::number(d.gradient)));
            QVERIFY(d.parameters > 0);
        }
    }

    void quantisedBaseEqualsAutogradOverItsDequantisedWeights_data()
    {
        QTest::addColumn<QString>("shape");
        QTest::addColumn<QString>("kind");
        QTest::addColumn<bool>("isDouble");
        for (const std::string& name : smallShapeNames())
            for (const char* kind : {"nf4", "int8"})
                for (const bool isDouble : {false, true})
                    if (kind == std::string("nf4") || !isDouble)
                        QTest::addRow("%s %s %d", name.c_str(), kind, isDouble) << QString::fromStdString(name) << QString(kind) << isDouble;
    }
    void quantisedBaseEqualsAutogradOverItsDequantisedWeights()
    {
        QFETCH(QString, shape);
        QFETCH(QString, kind);
        QFETCH(bool, isDouble);
        Job job = smallJob(64, 2);
        job.recipe.quantization = kind.toStdString();
        job.recipe.doubleQuantization = isDouble;
        job.recipe.recompute = "0:0,1:2,2:3";
        const Difference d = compare(shape.toStdString(), job, true);
        QVERIFY2(d.loss <= 1e-9, qPrintable(QString::number(d.loss)));
        QVERIFY2(d.gradient <= 1e-9, qPrintable(QString::number(d.gradient)));
        // In fp32 the same within rounding.
        const Difference single = compare(shape.toStdString(), job, false);
        QVERIFY2(single.loss <= 1e-4 && single.gradient <= 1e-4, qPrintable(QString::number(single.gradient)));
    }

    void magnitudesOverAQuantisedBaseEqualAutograd_data() { quantisedBaseEqualsAutogradOverItsDequantisedWeights_data(); }
    void magnitudesOverAQuantisedBaseEqualAutograd()
    {
        QFETCH(QString, shape);
        QFETCH(QString, kind);
        QFETCH(bool, isDouble);
        Job job = smallJob(64, 2);
        job.recipe.dora = true;
        job.recipe.quantization = kind.toStdString();
        job.recipe.doubleQuantization = isDouble;
        job.recipe.recompute = "0:0,1:2,2:3";
        const Difference d = compare(shape.toStdString(), job, true);
        QVERIFY2(d.loss <= 1e-9 && d.gradient <= 1e-9, qPrintable(QString::number(d.gradient)));
    }

    void adaptersOnSomeMapsWithOwnRanks_data()
    {
        QTest::addColumn<bool>("dora");
        QTest::newRow("plain") << false;
        QTest::newRow("with magnitudes") << true;
    }
    void adaptersOnSomeMapsWithOwnRanks()
    {
        QFETCH(bool, dora);
        Job job = smallJob(64, 2);
        job.recipe.targets = {"q", "v", "down"};
        job.recipe.rankPattern = {{"v_proj", 7}};
        job.recipe.alphaPattern = {{"model.layers.1.mlp.down_proj", 12.0}};
        job.recipe.rslora = true;
        job.recipe.dora = dora;
        const Difference d = compare("qwen2", job, true);
        QVERIFY2(d.loss <= 1e-9 && d.gradient <= 1e-9, qPrintable(QString::number(d.gradient)));
    }

    void plantedFaultsAreFound_data()
    {
        QTest::addColumn<QString>("fault");
        QTest::addColumn<QString>("shape");
        for (const char* fault : {"theta", "eps", "attention scale", "lora scale", "document mask", "rope convention"})
            QTest::newRow(fault) << QString(fault) << "llama";
        for (const char* fault : {"residual scale", "embedding scale", "logit scale", "attention scale"})
            QTest::addRow("granite, %s", fault) << QString(fault) << "granite";
        QTest::newRow("qwen2, window") << "window" << "qwen2";
        QTest::newRow("smollm3, rope everywhere") << "rope everywhere" << "smollm3";
    }
    void plantedFaultsAreFound()
    {
        QFETCH(QString, fault);
        QFETCH(QString, shape);
        Plant plant;
        if (fault == "residual scale")
            plant.residualFactor = 1.001;
        else if (fault == "embedding scale")
            plant.embeddingFactor = 1.001;
        else if (fault == "logit scale")
            plant.logitFactor = 1.001;
        else if (fault == "window")
            plant.moreWindow = 1;
        else if (fault == "rope everywhere")
            plant.ropeEverywhere = true;
        else if (fault == "theta")
            plant.thetaFactor = 1.01;
        else if (fault == "eps")
            plant.epsFactor = 10;
        else if (fault == "attention scale")
            plant.scaleFactor = 1.001;
        else if (fault == "lora scale")
            plant.loraFactor = 1.001;
        else if (fault == "document mask")
            plant.leakDocuments = true;
        else
            plant.interleavedRope = true;
        const Difference d = compare(shape.toStdString(), smallJob(64, 2), true, plant);
        QVERIFY2(d.loss > 1e-9 && d.gradient > 1e-9, qPrintable(QString::number(d.gradient)));
    }
};

QTEST_GUILESS_MAIN(TestDecoderGradients)
#include "tst_decoder_gradients.moc"
