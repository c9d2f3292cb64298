// SPDX-License-Identifier: GPL-3.0-or-later
// Every memory saver is neutral, packing leaks nothing, and the engine uses the plan and nothing but the plan.
#include "tests/engine/model/random_model.h"

#include <QtTest>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

using namespace lorikeet;
using namespace lorikeet::test;

namespace {

struct Outcome {
    double lossSum = 0;
    std::vector<double> gradient;
};

Outcome trainOn(LoadedModel& loaded, const std::vector<data::MicroBatch>& batches, double dropout = 0.0)
{
    std::int64_t supervised = 0;
    for (const data::MicroBatch& batch : batches)
        supervised += batch.supervised;
    loaded.clearGradient();
    Outcome outcome;
    for (const data::MicroBatch& batch : batches)
        outcome.lossSum += loaded.decoder->trainMicroBatch(batch, {1.0 / static_cast<double>(supervised), dropout, 9, 5}, {});
    outcome.gradient = loaded.gradient();
    return outcome;
}

bool sameBits(const Outcome& a, const Outcome& b)
{
    return std::memcmp(&a.lossSum, &b.lossSum, sizeof(double)) == 0 && a.gradient.size() == b.gradient.size()
        && std::memcmp(a.gradient.data(), b.gradient.data(), a.gradient.size() * sizeof(double)) == 0;
}

/// Relative to the largest gradient and the loss.
double difference(const Outcome& a, const Outcome& b)
{
    double most = std::abs(a.lossSum - b.lossSum) / std::abs(b.lossSum);
    double scale = 0;
    for (const double g : b.gradient)
        scale = std::max(scale, std::abs(g));
    for (std::size_t i = 0; i < a.gradient.size(); ++i)
        most = std::max(most, std::abs(a.gradient[i] - b.gradient[i]) / scale);
    return most;
}

/// Each document of a batch in a batch of its own.
std::vector<data::MicroBatch> oneByOne(const data::MicroBatch& batch)
{
    std::vector<data::MicroBatch> parts;
    for (std::size_t d = 0; d + 1 < batch.documentStarts.size(); ++d) {
        const auto first = batch.documentStarts[d];
        const auto last = batch.documentStarts[d + 1];
        data::MicroBatch part;
        const auto cut = [&](const auto& from) { return std::vector<std::int32_t>(from.begin() + first, from.begin() + last); };
        part.tokens = cut(batch.tokens);
        part.targets = cut(batch.targets);
        part.positions = cut(batch.positions);
        part.documentStarts = {0, last - first};
        part.sampleIds = {batch.sampleIds[d]};
        for (const std::int32_t target : part.targets)
            part.supervised += target >= 0 ? 1 : 0;
        parts.push_back(part);
    }
    return parts;
}

}  // namespace

class TestMemorySavers : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void recomputeLevelsGiveTheSameBits_data()
    {
        QTest::addColumn<QString>("shape");
        QTest::addColumn<QString>("precision");
        QTest::addColumn<double>("dropout");
        QTest::addColumn<bool>("dora");
        for (const std::string& name : smallShapeNames())
            for (const char* precision : {"fp32", "bf16"}) {
                for (const double dropout : {0.0, 0.2})
                    QTest::addRow("%s %s dropout %.1f", name.c_str(), precision, dropout) << QString::fromStdString(name) << QString(precision) << dropout << false;
                QTest::addRow("%s %s dora", name.c_str(), precision) << QString::fromStdString(name) << QString(precision) << 0.0 << true;
            }
    }
    void recomputeLevelsGiveTheSameBits()
    {
        QFETCH(bool, dora);
        QFETCH(QString, shape);
        QFETCH(QString, precision);
        QFETCH(double, dropout);
        Outcome first;
        for (const char* levels : {"0", "1", "2", "3", "0-0:3,1-1:0,2-2:2"}) {
            Job job = smallJob(64, 2);
            job.recipe.precision = precision.toStdString();
            job.recipe.dropout = dropout;
            job.recipe.dora = dora;
            job.recipe.recompute = levels;
            LoadedModel loaded(smallShape(shape.toStdString()), job);
            const Outcome outcome = trainOn(loaded, {randomBatch({50, 64, 9}, 101, 4)}, dropout);
            if (first.gradient.empty())
                first = outcome;
            QVERIFY2(sameBits(outcome, first), levels);
        }
        QVERIFY(std::isfinite(first.lossSum));
    }

    void offloadingGivesTheSameBits_data()
    {
        QTest::addColumn<QString>("shape");
        QTest::addColumn<QString>("levels");
        QTest::addColumn<double>("dropout");
        for (const std::string& name : smallShapeNames())
            for (const char* levels : {"0", "1", "2", "3", "0-0:3,1-1:0,2-2:2"})
                QTest::addRow("%s %s", name.c_str(), levels) << QString::fromStdString(name) << QString(levels) << (levels[0] == '1' ? 0.2 : 0.0);
    }
    void offloadingGivesTheSameBits()
    {
        QFETCH(QString, shape);
        QFETCH(QString, levels);
        QFETCH(double, dropout);
        const ModelShape model = smallShape(shape.toStdString());
        const data::MicroBatch batch = randomBatch({50, 64, 9}, 101, 4);
        Job job = smallJob(64, 2);
        job.recipe.recompute = levels.toStdString();
        job.recipe.dropout = dropout;
        job.recipe.dora = levels == "2";
        LoadedModel here(model, job);
        const Outcome expected = trainOn(here, {batch, batch}, dropout);
        const double evaluated = here.decoder->evaluateMicroBatch(batch, {});
        const std::vector<float> next = here.decoder->extend(std::span(batch.tokens).first(20), 0, {});
        const std::uint64_t atHome = here.plan.arenaBytes;
        struct Lever {
            const char* name;
            bool activations;
            std::int64_t layers;
            bool embedding;
        };
        for (const Lever& lever : {Lever{"activations", true, 0, false}, Lever{"one layer", false, 1, false}, Lever{"all layers", false, 3, false},
                                   Lever{"everything", true, 2, !model.tiedHead}}) {
            job.recipe.offloadActivations = lever.activations;
            job.recipe.offloadLayers = lever.layers;
            job.recipe.offloadEmbedding = lever.embedding;
            LoadedModel away(model, job);
            QVERIFY2(sameBits(trainOn(away, {batch, batch}, dropout), expected), lever.name);
            QCOMPARE(away.decoder->evaluateMicroBatch(batch, {}), evaluated);
            QVERIFY2(away.decoder->extend(std::span(batch.tokens).first(20), 0, {}) == next, lever.name);
            QVERIFY2(away.plan.hostBytes > 0 && away.memory->hostBytes() == away.plan.hostBytes, lever.name);
            if (lever.layers == 3)
                QVERIFY(away.plan.arenaBytes < atHome);
        }
    }

    void chunksPackingAndAccumulationChangeNothing()
    {
        const data::MicroBatch batch = randomBatch({50, 31, 42}, 101, 6);
        Job job = smallJob(64, 2);
        LoadedModel whole(smallShape("llama"), job);
        const Outcome packed = trainOn(whole, {batch});
        const Outcome single = trainOn(whole, oneByOne(batch));
        QVERIFY2(difference(single, packed) <= 1e-6, qPrintable(QString::number(difference(single, packed))));
        for (const int chunk : {1, 7, 128}) {
            job.recipe.lossChunk = chunk;
            LoadedModel other(smallShape("llama"), job);
            const Outcome chunked = trainOn(other, {batch});
            QVERIFY2(difference(chunked, packed) <= 1e-6, qPrintable(QString::number(difference(chunked, packed))));
        }
    }

    void dropoutDoesNotDependOnPackingOrMicroBatch()
    {
        const data::MicroBatch batch = randomBatch({50, 31, 42}, 101, 6);
        Job job = smallJob(64, 2);
        job.recipe.dropout = 0.3;
        LoadedModel loaded(smallShape("qwen3"), job);
        const Outcome packed = trainOn(loaded, {batch}, 0.3);
        const Outcome single = trainOn(loaded, oneByOne(batch), 0.3);
        QVERIFY2(difference(single, packed) <= 1e-6, qPrintable(QString::number(difference(single, packed))));
        QVERIFY(difference(trainOn(loaded, {batch}, 0.0), packed) > 1e-3);
    }

    /// The first document's logits, loss and input gradients come out the same beside another neighbour of the same length.
    void aNeighbourChangesNoBit()
    {
        Job job = smallJob(64, 2);
        LoadedModel loaded(smallShape("llama"), job);
        data::MicroBatch a = randomBatch({60, 64}, 101, 1);
        data::MicroBatch b = a;
        const data::MicroBatch other = randomBatch({60, 64}, 101, 2);
        std::copy(other.tokens.begin() + 60, other.tokens.end(), b.tokens.begin() + 60);
        // Only the first document is supervised: then the whole gradient is its own.
        for (auto* batch : {&a, &b}) {
            std::fill(batch->targets.begin() + 60, batch->targets.end(), -1);
            batch->supervised = std::count_if(batch->targets.begin(), batch->targets.end(), [](std::int32_t t) { return t >= 0; });
        }
        const Outcome first = trainOn(loaded, {a});
        const Outcome second = trainOn(loaded, {b});
        QVERIFY(a.tokens != b.tokens);
        QVERIFY(sameBits(first, second));
    }

    void sameSeedSameBits()
    {
        Job job = smallJob(64, 2);
        const data::MicroBatch batch = randomBatch({50, 64}, 101, 4);
        LoadedModel one(smallShape("llama"), job);
        LoadedModel two(smallShape("llama"), job);
        QVERIFY(sameBits(trainOn(one, {batch}), trainOn(two, {batch})));
    }

    void generationEqualsThePassOverAllTokens()
    {
        for (const std::string& name : smallShapeNames()) {
            LoadedModel loaded(smallShape(name), smallJob(64, 1));
            const data::MicroBatch batch = randomBatch({40}, 101, 8);
            std::vector<float> all;
            loaded.decoder->logits(batch.tokens, [&](std::int64_t, std::span<const float> rows) { all.insert(all.end(), rows.begin(), rows.end()); }, {});
            const std::span<const float> last(all.end() - 101, all.end());
            (void)loaded.decoder->extend(std::span(batch.tokens).first(17), 0, {});
            for (std::size_t i = 17; i + 1 < 40; ++i)
                (void)loaded.decoder->extend(std::span(batch.tokens).subspan(i, 1), static_cast<std::int64_t>(i), {});
            const std::vector<float> stepped = loaded.decoder->extend(std::span(batch.tokens).last(1), 39, {});
            for (std::size_t i = 0; i < 101; ++i)
                QVERIFY2(std::abs(stepped[i] - last[i]) <= 1e-4f * (1.0f + std::abs(last[i])), name.c_str());
        }
    }

    /// Checking mode over families x levels x precisions x ranks x contexts: what is not live is NaN, canaries stand between buffers;
    /// losses stay the same to the bit, every planned buffer is used and written whole.
    void planIsAllocatedWholeAndNothingElse_data()
    {
        QTest::addColumn<QString>("shape");
        QTest::addColumn<QString>("precision");
        QTest::addColumn<QString>("recompute");
        QTest::addColumn<int>("rank");
        QTest::addColumn<int>("context");
        QTest::addColumn<QString>("lever");
        int n = 0;
        const auto row = [&](const std::string& name, const char* precision, const char* recompute, const char* lever) {
            const int rank = 2 + n % 3 * 5;
            const int context = n % 2 ? 64 : 96;
            ++n;
            QTest::addRow("%s %s level %s rank %d context %d %s", name.c_str(), precision, recompute, rank, context, lever)
                << QString::fromStdString(name) << QString(precision) << QString(recompute) << rank << context << QString(lever);
        };
        for (const std::string& name : smallShapeNames())
            for (const char* precision : {"fp32", "bf16"}) {
                for (const char* recompute : {"0", "1", "2", "3"})
                    row(name, precision, recompute, "");
                for (const char* lever : {"nf4", "nf4 double", "int8", "full", "offload activations", "offload layers", "offload all nf4 double",
                                          "also embeddings", "also head", "also norms", "also embeddings,head,norms nf4 double", "also norms,head offload all nf4 double"})
                    for (const char* recompute : {"1", "0-0:3,1-1:0,2-2:2"})
                        row(name, precision, recompute, lever);
                for (const char* recompute : {"0", "1", "2", "3"})
                    row(name, precision, recompute, "dora");
                for (const char* lever : {"dora nf4", "dora nf4 double", "dora int8", "dora offload all nf4 double"})
                    row(name, precision, "0-0:3,1-1:0,2-2:2", lever);
            }
    }
    void planIsAllocatedWholeAndNothingElse()
    {
        QFETCH(QString, shape);
        QFETCH(QString, precision);
        QFETCH(QString, recompute);
        QFETCH(int, rank);
        QFETCH(int, context);
        QFETCH(QString, lever);
        Job job = smallJob(context, 2);
        job.recipe.method = lever == "full" ? "full" : "lora";
        if (lever.startsWith("also "))
            for (const QString& word : lever.split(' ')[1].split(','))
                job.recipe.alsoTrain.push_back(word.toStdString());
        job.recipe.dora = lever.startsWith("dora");
        job.recipe.offloadActivations = lever == "offload activations" || lever.contains("offload all");
        job.recipe.offloadLayers = lever.contains("offload all") ? 3 : lever == "offload layers" ? 2 : 0;
        job.recipe.offloadEmbedding = lever.contains("offload all") && !smallShape(shape.toStdString()).tiedHead;
        job.recipe.quantization = lever.contains("nf4") ? "nf4" : lever.endsWith("int8") ? "int8" : "none";
        job.recipe.doubleQuantization = lever.endsWith("double");
        job.recipe.precision = precision.toStdString();
        job.recipe.recompute = recompute.toStdString();
        job.recipe.rank = rank;
        data::MicroBatch batch = randomBatch({context, context}, 101, 4);
        // Every row but the last is supervised so that the loss chunks fill up too.
        for (std::size_t i = 0; i < batch.targets.size(); ++i)
            batch.targets[i] = static_cast<std::int32_t>(i % 101);
        batch.supervised = static_cast<std::int64_t>(batch.targets.size());

        LoadedModel plain(smallShape(shape.toStdString()), job);
        LoadedModel checked(smallShape(shape.toStdString()), job, {.guardBytes = 64});
        QCOMPARE(plain.memory->arenaBytes(), plain.plan.arenaBytes);
        const Outcome expected = trainOn(plain, {batch});
        QVERIFY(std::isfinite(expected.lossSum));
        const Outcome found = trainOn(checked, {batch});
        QVERIFY(sameBits(found, expected));
        QCOMPARE(checked.decoder->evaluateMicroBatch(batch, {}), plain.decoder->evaluateMicroBatch(batch, {}));
        const std::vector<float> logits = checked.decoder->extend(std::span(batch.tokens).first(static_cast<std::size_t>(context)), 0, {});
        QVERIFY(std::all_of(logits.begin(), logits.end(), [](float v) { return std::isfinite(v); }));
        checked.memory->enter(checked.plan.program.last());
        checked.memory->leave();

        // The staging buffer and the index rows of a batch are sized for the worst case, not for this one.
        // Flat buffers have padding, and nobody steps here (tst_trainer_levers does).
        const auto isSizedForTheWorst = [](const std::string& name) {
            return std::ranges::any_of(std::array{"load.", "host.load.", "batch.", "adapter.", "model.", "trained.", "optimizer.", "weight.dequantised"},
                                       [&](const char* start) { return name.starts_with(start); });
        };
        for (const std::string& name : checked.memory->unused())
            QVERIFY2(isSizedForTheWorst(name), name.c_str());
        for (const std::string& name : checked.memory->unwritten())
            QVERIFY2(isSizedForTheWorst(name), name.c_str());
    }
};

QTEST_GUILESS_MAIN(TestMemorySavers)
#include "tst_memory_savers.moc"
