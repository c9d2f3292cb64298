// SPDX-License-Identifier: GPL-3.0-or-later
// Jobs that nobody would think of: families, sizes and all levers thrown together. Each takes exactly its plan, in which everything not alive
// is NaN and nothing is written beside a buffer, and gives the bits that it gives without the checks.
#include "tests/engine/model/random_model.h"
#include "tests/engine/plan/plan_cases.h"

#include <QtTest>

#include <array>
#include <cmath>
#include <cstring>

using namespace lorikeet;
using namespace lorikeet::test;

namespace {

template <std::size_t N>
std::string oneOf(Dice& dice, const std::array<const char*, N>& words)
{
    return words[static_cast<std::size_t>(dice(0, static_cast<std::int64_t>(N) - 1))];
}

std::string randomLevels(Dice& dice, std::int64_t layers)
{
    if (dice.coin())
        return std::to_string(dice(0, 3));
    std::string text;
    for (std::int64_t layer = 0; layer < layers; ++layer)
        text += (layer > 0 ? "," : "") + std::to_string(layer) + "-" + std::to_string(layer) + ":" + std::to_string(dice(0, 3));
    return text;
}

ModelShape randomShape(Dice& dice)
{
    const std::vector<std::string> names = smallShapeNames();
    ModelShape shape = smallShape(names[static_cast<std::size_t>(dice(0, static_cast<std::int64_t>(names.size()) - 1))]);
    shape.layers = dice(1, 6);
    shape.mlp = 8 * dice(3, 20);
    shape.vocab = dice(70, 200);
    return shape;
}

Job randomJob(Dice& dice, const ModelShape& shape)
{
    Job job = smallJob(8 * dice(4, 12), dice(1, 3));
    JobRecipe& r = job.recipe;
    const bool full = dice(0, 4) == 0;
    r.method = full ? "full" : "lora";
    r.rank = dice(1, 9);
    r.rslora = dice.coin();
    r.precision = oneOf(dice, std::array{"fp32", "bf16"});
    r.recompute = randomLevels(dice, shape.layers);
    r.lossChunk = dice(1, 40);
    r.offloadActivations = dice.coin();
    r.optimizer = oneOf(dice, std::array{"adamw", "adamw_8bit", "sgd", "lion"});
    if (dice.coin())
        job.run.samplePrompt.clear();
    if (dice.coin())
        job.data.validationFraction = 0;
    if (full)
        return job;
    r.quantization = oneOf(dice, std::array{"none", "nf4", "int8"});
    r.doubleQuantization = dice.coin();
    r.dropout = dice.coin() ? 0.2 : 0.0;
    r.offloadLayers = dice.coin() ? dice(1, shape.layers) : 0;
    r.offloadEmbedding = !shape.tiedHead && dice.coin();
    if (dice.coin())
        r.targets = {oneOf(dice, std::array{"q", "v", "o"}), oneOf(dice, std::array{"gate", "up", "down"})};
    if (dice.coin())
        r.rankPattern = {{"v_proj", dice(1, 12)}, {"layers.0.mlp.up_proj", dice(1, 12)}};
    for (const char* word : {"embeddings", "head", "norms"})
        if (dice(0, 3) == 0 && !(r.offloadEmbedding && word == std::string("embeddings")))
            r.alsoTrain.emplace_back(word);
    r.dora = r.dropout == 0 && dice.coin();
    r.adapterInit = !r.dora && dice.coin() ? "pissa" : "default";
    return job;
}

/// Full but for the last document, every token supervised.
data::MicroBatch batchFor(const Job& job, const ModelShape& shape, unsigned seed)
{
    data::MicroBatch batch = randomBatch(std::vector<int>(static_cast<std::size_t>(job.recipe.microBatch), static_cast<int>(job.recipe.context)), shape.vocab, seed);
    for (std::size_t i = 0; i < batch.targets.size(); ++i)
        batch.targets[i] = static_cast<std::int32_t>(i % static_cast<std::size_t>(shape.vocab));
    batch.supervised = static_cast<std::int64_t>(batch.targets.size());
    return batch;
}

struct Outcome {
    double lossSum = 0;
    double evaluated = 0;
    std::vector<double> gradient;
    std::vector<float> next;
};

Outcome outcomeOf(LoadedModel& loaded, const Job& job, const data::MicroBatch& batch)
{
    Outcome outcome;
    loaded.clearGradient();
    for (int micro = 0; micro < 2; ++micro)
        outcome.lossSum += loaded.decoder->trainMicroBatch(batch, {0.01, job.recipe.dropout, 9, 5}, {});
    outcome.gradient = loaded.gradient();
    if (job.data.validationFraction > 0)
        outcome.evaluated = loaded.decoder->evaluateMicroBatch(batch, {});
    if (!job.run.samplePrompt.empty())
        outcome.next = loaded.decoder->extend(std::span(batch.tokens).first(static_cast<std::size_t>(job.recipe.context)), 0, {});
    return outcome;
}

template <typename T>
bool sameBits(const std::vector<T>& a, const std::vector<T>& b)
{
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// The staging buffer, the index rows and flat buffers with padding are sized for the worst case; nobody steps or loads here.
bool isSizedForTheWorst(const std::string& name)
{
    return std::ranges::any_of(std::array{"load.", "host.load.", "batch.", "adapter.", "model.", "trained.", "optimizer.", "weight.dequantised"},
                               [&](const char* start) { return name.starts_with(start); });
}

}  // namespace

class TestRandomJobs : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void planIsAllocatedWholeAndNothingElse_data()
    {
        QTest::addColumn<unsigned>("seed");
        for (unsigned seed = 1; seed <= 100; ++seed)
            QTest::addRow("seed %u", seed) << seed;
    }
    void planIsAllocatedWholeAndNothingElse()
    {
        QFETCH(unsigned, seed);
        Dice dice(seed);
        ModelShape shape = randomShape(dice);
        Job job = randomJob(dice, shape);
        addTokens(dice, shape, job);
        const data::MicroBatch batch = batchFor(job, shape, seed);
        LoadedModel plain(shape, job);
        LoadedModel checked(shape, job, {.guardBytes = 64});
        QCOMPARE(plain.memory->arenaBytes(), plain.plan.arenaBytes);
        QCOMPARE(plain.memory->hostBytes(), plain.plan.hostBytes);
        QVERIFY(static_cast<double>(plain.plan.arenaBytes) <= 1.01 * static_cast<double>(plain.plan.lowerBoundBytes) + 65536);

        const Outcome expected = outcomeOf(plain, job, batch);
        const Outcome found = outcomeOf(checked, job, batch);
        QVERIFY(std::isfinite(expected.lossSum));
        QCOMPARE(std::memcmp(&expected.lossSum, &found.lossSum, sizeof(double)), 0);
        QCOMPARE(std::memcmp(&expected.evaluated, &found.evaluated, sizeof(double)), 0);
        QVERIFY(sameBits(found.gradient, expected.gradient));
        QVERIFY(sameBits(found.next, expected.next));
        checked.memory->verifyGuards();
        checked.memory->enter(checked.plan.program.last());
        checked.memory->leave();
        for (const std::string& name : checked.memory->unused())
            QVERIFY2(isSizedForTheWorst(name), name.c_str());
        for (const std::string& name : checked.memory->unwritten())
            QVERIFY2(isSizedForTheWorst(name), name.c_str());
    }
};

QTEST_GUILESS_MAIN(TestRandomJobs)
#include "tst_random_jobs.moc"
