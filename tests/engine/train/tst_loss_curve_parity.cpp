// SPDX-License-Identifier: GPL-3.0-or-later
// Fifty optimizer steps on the same rows from the same adapter, here and in transformers + PEFT: the losses lie on one another.
#include "engine/data/micro_batch.h"
#include "engine/lora/adapter.h"
#include "engine/lora/peft_folder.h"
#include "engine/lora/pissa.h"
#include "engine/model/compute_device.h"
#include "engine/model/decoder.h"
#include "engine/model/principal_room.h"
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

/// The job of a variant.
Job curveJob(const QString& variant)
{
    Job job;
    job.recipe.dora = variant.startsWith("dora");
    if (variant == "full") {
        job.recipe.method = "full";
    } else if (variant.contains("nf4")) {
        job.recipe.quantization = "nf4";
        job.recipe.doubleQuantization = variant.endsWith("double");
    } else if (variant == "pissa") {
        job.recipe.adapterInit = "pissa";
    } else if (variant.startsWith("also ")) {
        for (const QString& word : variant.mid(5).split(','))
            job.recipe.alsoTrain.push_back(word.toStdString());
    } else if (variant.endsWith("LoRA+")) {
        job.recipe.loraplusRatio = 4;
    } else if (!variant.isEmpty() && !job.recipe.dora) {
        job.recipe.optimizer = variant.toStdString();
    }
    if (variant == "sgd")
        job.recipe.momentum = 0.8;
    job.recipe.rank = 8;
    job.recipe.alpha = 16;
    job.recipe.context = 64;
    job.recipe.microBatch = 2;
    job.recipe.accumulation = 2;
    job.recipe.precision = "fp32";
    job.recipe.learningRate = variant == "full" || variant.startsWith("also emb") ? 2e-3 : variant == "sgd" ? 0.2 : variant == "lion" ? 5e-3 : 1e-2;
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
        QTest::addColumn<QString>("variant");
        QTest::addColumn<double>("limit");
        QTest::newRow("smollm2") << "smollm2-fp32" << "" << 1e-3;
        QTest::newRow("qwen3") << "qwen3-fp32" << "" << 1e-3;
        QTest::newRow("granite, norms beside the adapter") << "granite-fp32" << "also norms" << 1e-3;
        QTest::newRow("smollm3, layers without positions") << "smollm3-fp32" << "" << 1e-3;
        QTest::newRow("olmo2, norms beside the adapter") << "olmo2-fp32" << "also norms" << 1e-3;
        QTest::newRow("qwen2, a window behind the first layer") << "qwen2-window-fp32" << "" << 1e-3;
        QTest::newRow("smollm2, all weights, tied head") << "smollm2-fp32" << "full" << 1e-3;
        QTest::newRow("qwen2, all weights, biases") << "qwen2-fp32" << "full" << 1e-3;
        QTest::newRow("qwen3, all weights, q/k norms") << "qwen3-fp32" << "full" << 1e-3;
        QTest::newRow("llama, NF4 by bitsandbytes") << "blocks-fp32" << "nf4" << 1e-3;
        QTest::newRow("llama, NF4 with double quantisation by bitsandbytes") << "blocks-fp32" << "nf4 double" << 1e-3;
        QTest::newRow("smollm2, tied table beside the adapter") << "smollm2-fp32" << "also embeddings" << 1e-3;
        QTest::newRow("llama, embeddings, head and norms beside the adapter") << "llama-fp32" << "also embeddings,head,norms" << 1e-3;
        QTest::newRow("qwen3, norms beside the adapter") << "qwen3-fp32" << "also norms" << 1e-3;
        QTest::newRow("smollm2, LoRA+") << "smollm2-fp32" << "LoRA+" << 1e-3;
        QTest::newRow("smollm2, PiSSA") << "smollm2-fp32" << "pissa" << 1e-3;
        QTest::newRow("qwen2, DoRA, biases") << "qwen2-fp32" << "dora" << 1e-3;
        QTest::newRow("smollm2, DoRA and LoRA+") << "smollm2-fp32" << "dora LoRA+" << 1e-3;
        QTest::newRow("llama, DoRA over NF4 by bitsandbytes") << "blocks-fp32" << "dora nf4" << 1e-3;
        QTest::newRow("smollm2, SGD with momentum") << "smollm2-fp32" << "sgd" << 1e-3;
        QTest::newRow("smollm2, Lion") << "smollm2-fp32" << "lion" << 1e-3;
        // Against AdamW with fp32 moments.
        QTest::newRow("smollm2, 8-bit AdamW") << "smollm2-fp32" << "adamw_8bit" << 1e-2;
    }
    void fiftyStepsOverlayPeft()
    {
        QFETCH(QString, model);
        QFETCH(QString, variant);
        QFETCH(double, limit);
        const QString folder = m_folder.filePath(model);
        const Job job = curveJob(variant);
        const std::vector<Point> ours = trainHere(folder, job);
        const std::vector<Point> theirs = trainThere(folder, job);
        QCOMPARE(ours.size(), std::size_t{kSteps});
        QCOMPARE(theirs.size(), std::size_t{kSteps});
        for (int step = 0; step < kSteps; ++step) {
            const auto i = static_cast<std::size_t>(step);
            const double d = std::abs(ours[i].loss - theirs[i].loss) / theirs[i].loss;
            QVERIFY2(d <= limit, qPrintable(QString("step %1: %2 here, %3 there").arg(step + 1).arg(ours[i].loss).arg(theirs[i].loss)));
            QVERIFY2(std::abs(ours[i].gradNorm - theirs[i].gradNorm) <= 10 * limit * theirs[i].gradNorm,
                     qPrintable(QString("step %1: gradient %2 here, %3 there").arg(step + 1).arg(ours[i].gradNorm).arg(theirs[i].gradNorm)));
        }
        QVERIFY2(theirs.back().loss <= 0.7 * theirs.front().loss, qPrintable(QString("%1 -> %2").arg(theirs.front().loss).arg(theirs.back().loss)));
    }

private:
    std::vector<Point> trainHere(const QString& folder, const Job& job)
    {
        const auto source = formats::openModelSource(folder.toStdString());
        DeviceSpec spec;
        spec.availableBytes = 8ull << 30;
        const auto device = model::openDevice(spec, 2);
        const plan::MemoryPlan plan = plan::plan(source->shape(), job, spec, device->costs(source->shape(), kernels::productSizes(job)));
        model::PlannedMemory memory(plan, device->makeArena(plan.arenaBytes), 0);
        kernels::Context context = device->context();
        memory.enter(0);
        std::vector<float> flat(static_cast<std::size_t>(plan.layout.trained.adapterElements));
        if (startsFromPrincipalParts(job)) {
            lora::PrincipalRoom room = model::principalRoom(memory);
            lora::Pissa pissa(plan.layout.trained.adapters, 42, room, flat, false);
            model::loadWeights(*source, memory, context, {}, {}, [&](ParamId id, const model::ReadRows& read) { return pissa.residualOf(id, read, {}); });
        } else {
            model::loadWeights(*source, memory, context, {}, {});
        }
        model::Decoder decoder(source->shape(), memory, context);
        train::TrainedState adapter(memory, context);
        if (startsFromPrincipalParts(job)) {
            adapter.set(flat);
        } else if (!plan.layout.trained.adapters.empty()) {
            lora::initialise(flat, plan.layout.trained.adapters, 42);
            adapter.set(flat);
        }
        adapter.begin();
        if (job.recipe.dora) {
            decoder.startMagnitudes();
            adapter.refreshWork();
            flat = adapter.masters();
        }
        const QString start = m_folder.filePath("start");
        [&] { QVERIFY(QDir().mkpath(start)); }();
        lora::TrainedModules modules;
        if (!plan.layout.trained.adapters.empty())
            for (const plan::ParameterSlot& slot : plan.layout.trained.parameters)
                modules.ids.push_back(slot.id);
        modules.read = [&](ParamId id, std::int64_t first, std::int64_t count, std::span<float> rows) { source->readRows(id, first, count, rows); };
        lora::writePeft(start.toStdString(), {lora::peftConfigOf(job, folder.toStdString()), source->shape(), plan.layout.trained.adapters, flat, modules});

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
            decoder.refreshRowNorms();
            points.push_back({sum * scale, norm});
        }
        return points;
    }

    std::vector<Point> trainThere(const QString& folder, const Job& job)
    {
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
                               {"betas", QJsonArray{job.recipe.adamBeta1, job.recipe.adamBeta2}}, {"eps", job.recipe.adamEps},
                               {"optimizer", QString::fromStdString(job.recipe.optimizer)}, {"momentum", job.recipe.momentum}, {"ratio", job.recipe.loraplusRatio},
                               {"method", QString::fromStdString(job.recipe.method)}, {"quantization", QString::fromStdString(job.recipe.quantization)},
                               {"double_quantization", job.recipe.doubleQuantization}, {"adapter_init", QString::fromStdString(job.recipe.adapterInit)}};
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
