// SPDX-License-Identifier: GPL-3.0-or-later
// Fifty optimizer steps on the same rows from the same adapter, here and in transformers + PEFT: the losses lie on one another.
#include "engine/data/micro_batch.h"
#include "engine/lora/adapter.h"
#include "engine/lora/peft_folder.h"
#include "engine/model/compute_device.h"
#include "engine/model/decoder.h"
#include "engine/model/weight_loader.h"
#include "engine/train/trained_state.h"
#include "engine/train/schedule.h"
#include "tests/engine/oracle_process.h"

#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>

using namespace lorikeet;

namespace {

constexpr int kSteps = 50;
constexpr int kVocab = 211;

/// Documents that can be learnt: runs of consecutive numbers modulo a prime, of varying length, the first third not supervised.
data::MicroBatch documentsOf(int step, int micro)
{
    data::MicroBatch batch;
    batch.documentStarts = {0};
    for (int d = 0; d < 3; ++d) {
        const int length = 20 + (step * 7 + micro * 3 + d * 11) % 22;
        const int stride = 1;
        const int start = (step * 31 + micro * 17 + d * 53) % kVocab;
        for (int i = 0; i < length; ++i) {
            batch.tokens.push_back((start + i * stride) % kVocab);
            batch.positions.push_back(i);
            const bool learnt = i + 1 < length && i >= length / 3;
            batch.targets.push_back(learnt ? (start + (i + 1) * stride) % kVocab : -1);
            batch.supervised += learnt ? 1 : 0;
        }
        batch.documentStarts.push_back(static_cast<std::int32_t>(batch.tokens.size()));
        batch.sampleIds.push_back(step * 100 + micro * 10 + d);
    }
    return batch;
}

QJsonArray documentsAsJson(const data::MicroBatch& batch)
{
    QJsonArray documents;
    for (std::size_t d = 0; d + 1 < batch.documentStarts.size(); ++d) {
        QJsonArray tokens;
        QJsonArray targets;
        for (auto i = static_cast<std::size_t>(batch.documentStarts[d]); i < static_cast<std::size_t>(batch.documentStarts[d + 1]); ++i) {
            tokens.append(batch.tokens[i]);
            targets.append(batch.targets[i]);
        }
        documents.append(QJsonObject{{"tokens", tokens}, {"targets", targets}});
    }
    return documents;
}

Job curveJob()
{
    Job job;
    job.recipe.rank = 8;
    job.recipe.alpha = 16;
    job.recipe.context = 64;
    job.recipe.microBatch = 2;
    job.recipe.accumulation = 2;
    job.recipe.precision = "fp32";
    job.recipe.learningRate = 1e-2;
    job.recipe.warmupRatio = 0.1;
    job.recipe.weightDecay = 0.01;
    job.recipe.maxGradNorm = 1.0;
    return job;
}

struct Point {
    double loss = 0;
    double gradNorm = 0;
};

}  // namespace

class TestLossCurveParity : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        const QString problem = test::runOracle("model_oracle.py", {"models", m_folder.path()});
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
    }

    void fiftyStepsOverlayPeft_data()
    {
        QTest::addColumn<QString>("model");
        QTest::newRow("smollm2") << "smollm2-fp32";
        QTest::newRow("qwen3") << "qwen3-fp32";
    }
    void fiftyStepsOverlayPeft()
    {
        QFETCH(QString, model);
        const QString folder = m_folder.filePath(model);
        const std::vector<Point> ours = trainHere(folder);
        const std::vector<Point> theirs = trainThere(folder);
        QCOMPARE(ours.size(), std::size_t{kSteps});
        QCOMPARE(theirs.size(), std::size_t{kSteps});
        for (int step = 0; step < kSteps; ++step) {
            const auto i = static_cast<std::size_t>(step);
            const double d = std::abs(ours[i].loss - theirs[i].loss) / theirs[i].loss;
            QVERIFY2(d <= 1e-3, qPrintable(QString("step %1: %2 here, %3 there").arg(step + 1).arg(ours[i].loss).arg(theirs[i].loss)));
            QVERIFY(std::abs(ours[i].gradNorm - theirs[i].gradNorm) <= 1e-2 * theirs[i].gradNorm);
        }
        QVERIFY2(theirs.back().loss <= 0.7 * theirs.front().loss, qPrintable(QString("%1 -> %2").arg(theirs.front().loss).arg(theirs.back().loss)));
    }

private:
    std::vector<Point> trainHere(const QString& folder)
    {
        const Job job = curveJob();
        const auto source = formats::openModelSource(folder.toStdString());
        DeviceSpec spec;
        spec.availableBytes = 8ull << 30;
        const auto device = model::openDevice(spec, 2);
        const plan::MemoryPlan plan = plan::plan(source->shape(), job, spec, device->costs(source->shape(), {job.slots(), job.recipe.lossChunk, 8, DType::F32, true}));
        model::PlannedMemory memory(plan, device->makeArena(plan.arenaBytes), 0);
        kernels::Context context = device->context();
        memory.enter(0);
        model::loadWeights(*source, memory, context, {}, {});
        model::Decoder decoder(source->shape(), memory, context);
        train::TrainedState adapter(memory, context);
        std::vector<float> flat(static_cast<std::size_t>(plan.layout.trained.elements));
        lora::initialise(flat, plan.layout.trained.adapters, 42);
        adapter.set(flat);
        adapter.begin();
        const QString start = m_folder.filePath("start");
        [&] { QVERIFY(QDir().mkpath(start)); }();
        lora::writePeft(start.toStdString(), lora::peftConfigOf(job, folder.toStdString()), plan.layout.trained.adapters, flat);

        std::vector<Point> points;
        for (int step = 1; step <= kSteps; ++step) {
            const std::vector<data::MicroBatch> micro{documentsOf(step, 0), documentsOf(step, 1)};
            const double scale = 1.0 / static_cast<double>(micro[0].supervised + micro[1].supervised);
            adapter.clearGradient();
            double sum = 0;
            for (const data::MicroBatch& batch : micro)
                sum += decoder.trainMicroBatch(batch, {scale, 0.0, 42, static_cast<std::uint32_t>(step)}, {});
            const double norm = adapter.gradientNorm();
            adapter.update(job, train::learningRateAt(job, step, kSteps), norm, step);
            points.push_back({sum * scale, norm});
        }
        return points;
    }

    std::vector<Point> trainThere(const QString& folder)
    {
        const Job job = curveJob();
        QJsonArray steps;
        QJsonArray rates;
        for (int step = 1; step <= kSteps; ++step) {
            QJsonArray documents;
            for (int micro = 0; micro < 2; ++micro)
                for (const QJsonValue& document : documentsAsJson(documentsOf(step, micro)))
                    documents.append(document);
            steps.append(documents);
            rates.append(train::learningRateAt(job, step, kSteps));
        }
        const QJsonObject rows{{"steps", steps}, {"lr", rates}, {"clip", job.recipe.maxGradNorm}, {"weight_decay", job.recipe.weightDecay},
                               {"betas", QJsonArray{job.recipe.adamBeta1, job.recipe.adamBeta2}}, {"eps", job.recipe.adamEps}};
        QFile file(m_folder.filePath("rows.json"));
        if (!file.open(QIODevice::WriteOnly) || file.write(QJsonDocument(rows).toJson()) < 0)
            return {};
        file.close();
        const QString out = m_folder.filePath("curve.json");
        const QString problem = test::runOracle("model_oracle.py", {"curve", folder, m_folder.filePath("start"), file.fileName(), out});
        if (!problem.isEmpty()) {
            qWarning("%s", qPrintable(problem));
            return {};
        }
        QFile result(out);
        std::vector<Point> points;
        if (result.open(QIODevice::ReadOnly))
            for (const QJsonValue& value : QJsonDocument::fromJson(result.readAll()).array())
                points.push_back({value["loss"].toDouble(), value["grad_norm"].toDouble()});
        return points;
    }

    QTemporaryDir m_folder;
};

QTEST_GUILESS_MAIN(TestLossCurveParity)
#include "tst_loss_curve_parity.moc"
