// SPDX-License-Identifier: GPL-3.0-or-later
// What-if series and inverse questions: every point is what plan() says, and the answers are those of trying one after the other.
#include "engine/base/error.h"
#include "engine/plan/inverse.h"
#include "engine/plan/what_if.h"
#include "tests/engine/plan/plan_cases.h"

#include <QtTest>

using namespace lorikeet;
using namespace lorikeet::test;

namespace {

Job chatJob()
{
    Job job;
    job.recipe.context = 1024;
    job.recipe.microBatch = 2;
    job.recipe.accumulation = 4;
    return job;
}

}  // namespace

class TestWhatIf : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyPointIsAPlan_data()
    {
        QTest::addColumn<int>("axis");
        for (const plan::Axis axis : plan::kAxes)
            QTest::newRow(std::string(plan::nameOf(axis)).c_str()) << static_cast<int>(axis);
    }
    void everyPointIsAPlan()
    {
        QFETCH(int, axis);
        const DeviceSpec card = cardOf(24ull << 30);
        const plan::WhatIfSeries series = plan::whatIf(static_cast<plan::Axis>(axis), llama8b(), chatJob(), card, noCosts);
        QVERIFY(series.points.size() >= 4);
        QCOMPARE(series.capacityBytes, card.availableBytes);
        int now = 0;
        double before = -1;
        for (const plan::WhatIfPoint& point : series.points) {
            QVERIFY(point.x > before);
            before = point.x;
            now += point.isNow ? 1 : 0;
            QVERIFY(point.possible && point.forecast.known);
            const plan::MemoryPlan plan = plan::plan(llama8b(), point.job, card, noCosts(point.job));
            QCOMPARE(point.totalBytes, plan.totalBytes());
            QCOMPARE(point.categoryBytes, plan.categoryBytes);
            QCOMPARE(point.verdict, plan.verdict);
            if (static_cast<plan::Axis>(axis) == plan::Axis::MicroBatch && point.x <= 8)
                QCOMPARE(point.job.recipe.microBatch * point.job.recipe.accumulation, 8);
        }
        QCOMPARE(now, 1);
        QCOMPARE(plan::axisNamed(plan::nameOf(static_cast<plan::Axis>(axis))), static_cast<plan::Axis>(axis));
    }

    void moreContextBatchAndRankNeedMore()
    {
        for (const plan::Axis axis : {plan::Axis::Context, plan::Axis::MicroBatch, plan::Axis::Rank}) {
            const plan::WhatIfSeries series = plan::whatIf(axis, llama8b(), chatJob(), cardOf(24ull << 30), noCosts);
            for (std::size_t i = 1; i < series.points.size(); ++i)
                QVERIFY(series.points[i].totalBytes > series.points[i - 1].totalBytes);
        }
    }

    void methodsAreOrderedByTheirMemory()
    {
        const plan::WhatIfSeries series = plan::whatIf(plan::Axis::Method, llama8b(), chatJob(), cardOf(24ull << 30), noCosts);
        QCOMPARE(series.points.size(), 4u);
        for (std::size_t i = 1; i < series.points.size(); ++i)
            QVERIFY(series.points[i].totalBytes > series.points[i - 1].totalBytes);
        // Full fine-tuning: bf16 copy, fp32 master, gradient and two moments for every parameter.
        const plan::WhatIfPoint& full = series.points.back();
        QVERIFY(full.totalBytes > llama8b().parameterCount() * 18);
        // Beside a job whose frozen weights wait in host memory it is there too.
        Job offloading = chatJob();
        offloading.recipe.offloadLayers = 4;
        offloading.recipe.offloadEmbedding = true;
        QVERIFY(plan::whatIf(plan::Axis::Method, llama8b(), offloading, cardOf(24ull << 30), noCosts).points.back().possible);
    }

    void csvHasARowForEveryPoint()
    {
        plan::WhatIfSeries series = plan::whatIf(plan::Axis::Context, llama8b(), chatJob(), cardOf(24ull << 30), noCosts);
        series.points.back().possible = false;
        series.points.back().reason = "a \"reason\", quoted";
        const QStringList lines = QString::fromStdString(plan::toCsv(series)).split('\n', Qt::SkipEmptyParts);
        QCOMPARE(static_cast<std::size_t>(lines.size()), series.points.size() + 1);
        QCOMPARE(lines.first(), "context,label,weights_bytes,activations_bytes,gradients_bytes,optimizer_bytes,buffers_bytes,total_bytes,host_bytes,verdict,tokens_per_second");
        QVERIFY2(lines.at(1).startsWith("128,\"128\"," + QString::number(series.points.front().categoryBytes[0]) + ","), qPrintable(lines.at(1)));
        QVERIFY2(lines.last().contains("\"a \"\"reason\"\", quoted\""), qPrintable(lines.last()));
    }

    void aJobThatCannotBePlannedHasNoSeries()
    {
        Job job = chatJob();
        job.recipe.recompute = "0-3:1";
        QVERIFY_THROWS_EXCEPTION(Error, static_cast<void>(plan::whatIf(plan::Axis::Rank, llama8b(), job, cardOf(1ull << 40), noCosts)));
        QVERIFY(!plan::axisNamed("colour"));
    }

    void theLongestContextIsTheLastOneThatFits()
    {
        Dice dice(5);
        for (int i = 0; i < 30; ++i) {
            const ModelShape shape = smallShape(dice, 6);
            Job job = chatJob();
            job.recipe.context = 256;
            const std::uint64_t small = plan::plan(shape, job, cardOf(1ull << 50), noCosts(job)).totalBytes();
            const DeviceSpec card = cardOf((300u << 20) + (small - (300u << 20)) * static_cast<std::uint64_t>(dice(50, 1500)) / 100);
            std::int64_t longest = 0;
            for (std::int64_t context = 64; context <= shape.maxContext; context += 64) {
                Job other = job;
                other.recipe.context = context;
                if (plan::plan(shape, other, card, noCosts(other)).verdict == plan::Verdict::DoesNotFit)
                    break;
                longest = context;
            }
            const plan::LongestContext answer = plan::longestContext(shape, job, card, noCosts);
            QCOMPARE(answer.context, longest);
            QCOMPARE(answer.limitedByModel, longest == shape.maxContext);
            QVERIFY(answer.contextWithLevers >= answer.context);
            if (answer.contextWithLevers > 0)
                QCOMPARE(plan::plan(shape, answer.jobWithLevers, card, noCosts(answer.jobWithLevers)).totalBytes(), answer.totalBytesWithLevers);
        }
    }

    /// With little host memory fewer layers wait there; against every count and place.
    void theLongestContextUsesTheHostAsFarAsItGoes()
    {
        Dice dice(8);
        int partly = 0;
        for (int i = 0; i < 20; ++i) {
            ModelShape shape = smallShape(dice, 6);
            shape.layers = 6;
            Job job = chatJob();
            job.recipe.context = 256;
            const std::uint64_t own = plan::plan(shape, job, cardOf(1ull << 50), noCosts(job)).totalBytes() - (300u << 20);
            DeviceSpec card = cardOf((300u << 20) + own * static_cast<std::uint64_t>(dice(40, 100)) / 100);
            card.hostAvailableBytes = own * static_cast<std::uint64_t>(dice(5, 60)) / 100;
            const plan::LongestContext answer = plan::longestContext(shape, job, card, noCosts);
            const plan::FitOptions options;
            Job turned = plan::settingsOf(plan::Lever::MicroBatch, shape, job, options).back();
            turned.recipe.lossChunk = options.leastLossChunk;
            turned.recipe.recompute = "3";
            std::int64_t longest = 0;
            bool somewhere = false;
            for (const Job& embedded : plan::settingsOf(plan::Lever::HostEmbedding, shape, turned, options))
                for (const Job& kept : plan::settingsOf(plan::Lever::HostActivations, shape, embedded, options))
                    for (Job layered : plan::settingsOf(plan::Lever::HostLayers, shape, kept, options))
                        for (std::int64_t context = longest + 64; context <= shape.maxContext; context += 64) {
                            layered.recipe.context = context;
                            if (plan::plan(shape, layered, card, noCosts(layered)).verdict == plan::Verdict::DoesNotFit)
                                break;
                            longest = context;
                            somewhere = layered.recipe.offloadLayers > 0 && layered.recipe.offloadLayers < 6;
                        }
            QCOMPARE(answer.contextWithLevers, longest);
            partly += somewhere ? 1 : 0;
        }
        QVERIFY2(partly >= 3, qPrintable(QString::number(partly)));
    }

    void theSmallestCardIsTheFirstThatFits()
    {
        std::vector<DeviceSpec> cards;
        for (const std::uint64_t gib : {80, 8, 24, 12, 16, 48, 141}) {
            cards.push_back(cardOf(gib << 30));
            cards.back().id = std::to_string(gib);
        }
        cards.push_back(cardOf(20ull << 30));
        cards.back().id = "no bf16";
        cards.back().bf16Arithmetic = false;
        const auto costs = [](const Job& job, const DeviceSpec&) { return noCosts(job); };
        const plan::SmallestCard answer = plan::smallestCard(llama8b(), chatJob(), cards, costs);
        QCOMPARE(answer.cards.size(), cards.size());
        const std::uint64_t total = plan::plan(llama8b(), chatJob(), cards[0], noCosts({})).totalBytes();
        for (std::size_t i = 0; i < answer.cards.size(); ++i) {
            const plan::CardAnswer& card = answer.cards[i];
            QCOMPARE(card.verdict == plan::Verdict::DoesNotFit, card.device.availableBytes < total);
            if (card.canRun && card.verdict != plan::Verdict::DoesNotFit) {
                QCOMPARE(static_cast<std::size_t>(answer.asItIs), i);
                break;
            }
        }
        QVERIFY(answer.withLevers >= 0 && answer.withLevers < answer.asItIs);
        QCOMPARE(answer.cards[static_cast<std::size_t>(answer.withLevers)].device.id, "8");
        QVERIFY(answer.way.quality != plan::Quality::Changed);
    }
};

QTEST_GUILESS_MAIN(TestWhatIf)
#include "tst_what_if.moc"
