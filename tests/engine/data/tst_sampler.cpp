// SPDX-License-Identifier: GPL-3.0-or-later
// The order of training: every document once per epoch, the same from any point it is resumed at, shared out over ranks without
// loss; and the shuffle itself.
#include "engine/data/sampler.h"

#include "data_files.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

using namespace lorikeet;
using namespace lorikeet::data;

class TestSampler : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void shufflesArePermutationsThatDependOnSeedAndRound();
    void shufflesAreUniform();
    void everyEpochHasEachDocumentOnce_data();
    void everyEpochHasEachDocumentOnce();
    void resumesAtEveryPosition();
    void stepsAreKnownInAdvance();
    void fractionsOfAnEpochRoundUp();
    void withoutShufflingTheOrderIsThatOfTheFile();
    void ranksShareABatchWithoutLoss();
    void foreignStatesAreRefused();
    void noExamplesAreRefused();
    void validationKeepsTheOrderOfTheFile();
    void optionsComeFromTheJob();
};

namespace {

std::vector<Example> randomExamples(std::size_t count, std::int64_t context, unsigned seed)
{
    std::mt19937 random(seed);
    std::vector<Example> examples(count);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t length = 2 + random() % static_cast<unsigned>(context - 1);
        examples[i].sampleId = static_cast<std::int64_t>(i);
        for (std::size_t t = 0; t < length; ++t) {
            examples[i].tokens.push_back(static_cast<std::int32_t>(random() % 1000));
            examples[i].lossMask.push_back(random() % 2);
        }
    }
    return examples;
}

SamplerOptions options(bool packing, std::int64_t accumulation = 2)
{
    SamplerOptions result;
    result.seed = 99;
    result.packing = packing;
    result.microBatch = 3;
    result.accumulation = accumulation;
    result.slots = 3 * 64;
    return result;
}

std::vector<std::int64_t> idsOf(const GlobalBatch& batch)
{
    std::vector<std::int64_t> ids;
    for (const MicroBatch& micro : batch.micro)
        ids.insert(ids.end(), micro.sampleIds.begin(), micro.sampleIds.end());
    return ids;
}

bool equal(const GlobalBatch& a, const GlobalBatch& b)
{
    bool same = a.micro.size() == b.micro.size() && a.tokens == b.tokens && a.supervised == b.supervised;
    for (std::size_t i = 0; same && i < a.micro.size(); ++i)
        same = a.micro[i].tokens == b.micro[i].tokens && a.micro[i].targets == b.micro[i].targets && a.micro[i].sampleIds == b.micro[i].sampleIds
               && a.micro[i].documentStarts == b.micro[i].documentStarts;
    return same;
}

}  // namespace

void TestSampler::shufflesArePermutationsThatDependOnSeedAndRound()
{
    const auto order = shuffledOrder(1000, 1, RandomStream::Shuffle, 0);
    QCOMPARE(std::set<std::uint32_t>(order.begin(), order.end()).size(), std::size_t{1000});
    QCOMPARE(*std::ranges::max_element(order), 999U);
    QVERIFY(order == shuffledOrder(1000, 1, RandomStream::Shuffle, 0));
    QVERIFY(order != shuffledOrder(1000, 2, RandomStream::Shuffle, 0));
    QVERIFY(order != shuffledOrder(1000, 1, RandomStream::Shuffle, 1));
    QVERIFY(order != shuffledOrder(1000, 1, RandomStream::ValidationSplit, 0));
    QVERIFY(shuffledOrder(0, 1, RandomStream::Shuffle, 0).empty());
}

void TestSampler::shufflesAreUniform()
{
    // All 24 orders of 4 elements over 24,000 rounds: chi-square with 23 degrees of freedom stays below 60 (p < 4e-5).
    std::map<std::vector<std::uint32_t>, int> counts;
    for (int round = 0; round < 24'000; ++round)
        ++counts[shuffledOrder(4, 5, RandomStream::Shuffle, round)];
    QCOMPARE(counts.size(), std::size_t{24});
    double chiSquare = 0;
    for (const auto& [order, count] : counts)
        chiSquare += (count - 1000.0) * (count - 1000.0) / 1000.0;
    QVERIFY2(chiSquare < 60, qPrintable(QString::number(chiSquare)));
}

void TestSampler::everyEpochHasEachDocumentOnce_data()
{
    QTest::addColumn<bool>("packing");
    QTest::newRow("packed") << true;
    QTest::newRow("one document per row") << false;
}

void TestSampler::everyEpochHasEachDocumentOnce()
{
    QFETCH(bool, packing);
    const auto examples = randomExamples(101, 64, 1);
    Sampler sampler(examples, options(packing));
    std::vector<std::int64_t> firstOrder;
    for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
        QCOMPARE(sampler.state(), (SamplerState{epoch, 0}));
        QCOMPARE(sampler.atEpochStart(), epoch > 0);
        const std::int64_t steps = sampler.stepsInEpoch(epoch);
        std::vector<std::int64_t> ids;
        for (std::int64_t step = 0; step < steps; ++step) {
            const GlobalBatch batch = sampler.next();
            QVERIFY(!batch.micro.empty() && batch.micro.size() <= 2);
            for (const MicroBatch& micro : batch.micro) {
                QVERIFY(micro.tokens.size() <= 3 * 64);
                QVERIFY(packing || micro.sampleIds.size() <= 3);
            }
            const auto part = idsOf(batch);
            ids.insert(ids.end(), part.begin(), part.end());
        }
        if (epoch == 0)
            firstOrder = ids;
        else
            QVERIFY(ids != firstOrder);
        std::ranges::sort(ids);
        std::vector<std::int64_t> all(101);
        std::iota(all.begin(), all.end(), 0);
        QVERIFY(ids == all);
    }
}

void TestSampler::resumesAtEveryPosition()
{
    const auto examples = randomExamples(40, 64, 2);
    for (const bool packing : {true, false}) {
        Sampler whole(examples, options(packing));
        const std::int64_t steps = whole.totalSteps(3, 0);
        std::vector<SamplerState> states;
        std::vector<GlobalBatch> batches;
        for (std::int64_t step = 0; step < steps; ++step) {
            states.push_back(whole.state());
            QCOMPARE(whole.stateAfter(step), whole.state());
            batches.push_back(whole.next());
        }
        for (std::size_t from = 0; from < states.size(); ++from) {
            Sampler resumed(examples, options(packing));
            resumed.restore(states[from]);
            QCOMPARE(resumed.epochsDone() >= static_cast<double>(states[from].epoch), true);
            for (std::size_t step = from; step < std::min(from + 3, batches.size()); ++step)
                QVERIFY(equal(resumed.next(), batches[step]));
        }
    }
}

void TestSampler::stepsAreKnownInAdvance()
{
    const auto examples = randomExamples(57, 64, 3);
    for (const bool packing : {true, false}) {
        Sampler sampler(examples, options(packing));
        const std::int64_t total = sampler.totalSteps(4, 0);
        std::int64_t steps = 0;
        for (; sampler.state().epoch < 4; ++steps)
            (void)sampler.next();
        QCOMPARE(total, steps);
        QCOMPARE(sampler.totalSteps(4, 7), std::int64_t{7});
        if (!packing)
            QCOMPARE(sampler.stepsInEpoch(0), std::int64_t{10});  // 57 rows, 3 a micro-batch, 2 of them a step
    }
}

void TestSampler::fractionsOfAnEpochRoundUp()
{
    const auto examples = randomExamples(57, 64, 3);
    Sampler sampler(examples, options(false));
    QCOMPARE(sampler.totalSteps(0.5, 0), std::int64_t{5});
    QCOMPARE(sampler.totalSteps(0.51, 0), std::int64_t{6});
    QCOMPARE(sampler.totalSteps(1.5, 0), std::int64_t{15});
    QCOMPARE(sampler.totalSteps(0.0001, 0), std::int64_t{1});
    QCOMPARE(sampler.totalSteps(0, 0), std::int64_t{1});
    for (int step = 0; step < 15; ++step)
        (void)sampler.next();
    QCOMPARE(sampler.epochsDone(), 1.5);
}

void TestSampler::withoutShufflingTheOrderIsThatOfTheFile()
{
    const auto examples = randomExamples(20, 64, 4);
    SamplerOptions plain = options(false);
    plain.shuffle = false;
    Sampler sampler(examples, plain);
    for (int epoch = 0; epoch < 2; ++epoch) {
        std::vector<std::int64_t> ids;
        for (std::int64_t step = sampler.stepsInEpoch(0); step > 0; --step) {
            const auto part = idsOf(sampler.next());
            ids.insert(ids.end(), part.begin(), part.end());
        }
        QVERIFY(ids.size() == 20 && std::ranges::is_sorted(ids));
    }
}

void TestSampler::ranksShareABatchWithoutLoss()
{
    // Two ranks with one micro-batch each see together what one rank with two sees, batch by batch.
    const auto examples = randomExamples(33, 64, 5);
    Sampler alone(examples, options(true, 4));
    SamplerOptions first = options(true, 2);
    first.rank = {0, 2};
    SamplerOptions second = first;
    second.rank.index = 1;
    Sampler left(examples, first), right(examples, second);
    for (int step = 0; step < 12; ++step) {
        const GlobalBatch whole = alone.next();
        const GlobalBatch a = left.next(), b = right.next();
        QCOMPARE(a.supervised + b.supervised, whole.supervised);
        QCOMPARE(a.tokens + b.tokens, whole.tokens);
        auto ids = idsOf(a);
        const auto more = idsOf(b);
        ids.insert(ids.end(), more.begin(), more.end());
        auto expected = idsOf(whole);
        std::ranges::sort(ids);
        std::ranges::sort(expected);
        QVERIFY(ids == expected);
        QCOMPARE(left.state(), alone.state());
        QCOMPARE(right.state(), alone.state());
    }
}

void TestSampler::foreignStatesAreRefused()
{
    const auto examples = randomExamples(20, 64, 6);
    Sampler sampler(examples, options(true));
    const std::int64_t steps = sampler.stepsInEpoch(0);
    for (const SamplerState& state : {SamplerState{-1, 0}, SamplerState{0, -1}, SamplerState{0, steps}, SamplerState{std::int64_t{1} << 60, steps + 100}})
        QVERIFY(refuses(ErrorCode::BadInput, {"does not exist"}, [&] { sampler.restore(state); }));
    sampler.restore({0, steps - 1});
    (void)sampler.next();
    QCOMPARE(sampler.state(), (SamplerState{1, 0}));
}

void TestSampler::noExamplesAreRefused()
{
    QVERIFY(refuses(ErrorCode::BadInput, {"nothing to train on"}, [] { Sampler sampler({}, options(true)); }));
}

void TestSampler::validationKeepsTheOrderOfTheFile()
{
    const auto examples = randomExamples(30, 64, 7);
    std::vector<std::int64_t> ids;
    std::int64_t supervised = 0;
    for (const MicroBatch& batch : validationBatches(examples, options(false))) {
        ids.insert(ids.end(), batch.sampleIds.begin(), batch.sampleIds.end());
        supervised += batch.supervised;
    }
    QVERIFY(ids.size() == 30 && std::ranges::is_sorted(ids));
    std::int64_t expected = 0;
    for (const Example& example : examples)
        expected += example.supervised();
    QCOMPARE(supervised, expected);
    QVERIFY(validationBatches({}, options(true)).empty());
    QVERIFY(validationBatches(examples, options(true)).size() < 30 / 3 + 1);
}

void TestSampler::optionsComeFromTheJob()
{
    Job job;
    job.recipe.seed = 5;
    job.recipe.context = 100;
    job.recipe.microBatch = 4;
    job.recipe.accumulation = 3;
    job.recipe.packing = false;
    job.data.shuffle = false;
    job.recipe.epochs = 2;
    const SamplerOptions result = samplerOptions(job, {1, 2}, 17);
    QCOMPARE(result.seed, std::int64_t{5});
    QCOMPARE(result.slots, std::int64_t{400});
    QCOMPARE(result.microBatch, std::int64_t{4});
    QCOMPARE(result.accumulation, std::int64_t{3});
    QCOMPARE(result.maxDocuments, std::int64_t{17});
    QVERIFY(!result.packing && !result.shuffle && result.rank.index == 1 && result.rank.world == 2);
    const auto examples = randomExamples(25, 64, 8);
    QCOMPARE(totalSteps(job, examples), std::int64_t{2 * 3});  // 25 rows -> 7 micro-batches -> 3 steps an epoch
}

QTEST_GUILESS_MAIN(TestSampler)
#include "tst_sampler.moc"
