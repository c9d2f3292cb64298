// SPDX-License-Identifier: GPL-3.0-or-later
// Offloading is right whatever the speed of the copies: a lane that copies at once finds places that are still in use, one that copies only
// when it is waited for finds waits that are missing, and the real one has a thread.
#include "engine/base/error.h"
#include "engine/kernels/copy_lane.h"
#include "engine/kernels/op_table.h"
#include "tests/engine/model/random_model.h"

#include <QtTest>

#include <cstring>
#include <deque>
#include <functional>

using namespace lorikeet;
using namespace lorikeet::test;

namespace {

/// Called at each wait of a pass, with its number.
std::function<void(int)> g_onWait;
int g_copies = 0;

class EagerLane final : public kernels::CopyLane {
public:
    void follow() override {}
    void toHost(void* to, const tensor::Mat& from) override { copy(to, from.data, from.bytes()); }
    void toDevice(const tensor::Mat& to, const void* from) override { copy(to.data, from, to.bytes()); }
    Ticket mark() override { return 1; }
    void waitFor(Ticket) override
    {
        if (g_onWait)
            g_onWait(++m_waits);
    }
    void pin(void*, std::uint64_t) override {}

private:
    static void copy(void* to, const void* from, std::uint64_t bytes)
    {
        std::memcpy(to, from, bytes);
        ++g_copies;
    }

    int m_waits = 0;
};

class LazyLane final : public kernels::CopyLane {
public:
    ~LazyLane() override { waitFor(m_asked); }
    void follow() override {}
    void toHost(void* to, const tensor::Mat& from) override { ask(to, from.data, from.bytes()); }
    void toDevice(const tensor::Mat& to, const void* from) override { ask(to.data, from, to.bytes()); }
    Ticket mark() override { return m_asked; }
    void waitFor(Ticket ticket) override
    {
        for (; m_done < ticket; ++m_done) {
            m_copies.front()();
            m_copies.pop_front();
        }
        if (g_onWait)
            g_onWait(++m_waits);
    }
    void pin(void*, std::uint64_t) override {}

private:
    void ask(void* to, const void* from, std::uint64_t bytes)
    {
        m_copies.push_back([=] { std::memcpy(to, from, bytes); });
        ++m_asked;
        ++g_copies;
    }

    std::deque<std::function<void()>> m_copies;
    Ticket m_asked = 0;
    Ticket m_done = 0;
    int m_waits = 0;
};

kernels::CopyLane* makeEager(kernels::Context&) { return new EagerLane; }
kernels::CopyLane* makeLazy(kernels::Context&) { return new LazyLane; }

const kernels::OpTable& tableWith(const QString& lane)
{
    static kernels::OpTable tables[3] = {kernels::cpuOps(), kernels::cpuOps(), kernels::cpuOps()};
    tables[1].makeCopyLane = makeEager;
    tables[2].makeCopyLane = makeLazy;
    return tables[lane == "thread" ? 0 : lane == "eager" ? 1 : 2];
}

struct Outcome {
    double lossSum = 0;
    double evaluated = 0;
    std::vector<double> gradient;
    std::vector<float> next;

    [[nodiscard]] bool operator==(const Outcome&) const = default;
};

class Run {
public:
    Run(const ModelShape& shape, const Job& job, const QString& lane) : m_loaded(shape, job), m_batch(randomBatch({50, 64, 9}, shape.vocab, 4))
    {
        m_loaded.context.ops = &tableWith(lane);
        m_loaded.decoder = std::make_unique<model::Decoder>(m_loaded.source.shape(), *m_loaded.memory, m_loaded.context);
    }

    double train(const std::stop_token& stop = {}) { return m_loaded.decoder->trainMicroBatch(m_batch, {0.02, 0.1, 9, 5}, stop); }

    [[nodiscard]] Outcome outcome()
    {
        m_loaded.clearGradient();
        Outcome result;
        result.lossSum = train() + train();
        result.evaluated = m_loaded.decoder->evaluateMicroBatch(m_batch, {});
        result.next = m_loaded.decoder->extend(std::span(m_batch.tokens).first(20), 0, {});
        result.lossSum += train();
        result.gradient = m_loaded.gradient();
        return result;
    }

private:
    LoadedModel m_loaded;
    data::MicroBatch m_batch;
};

Job jobWith(const QString& lever)
{
    Job job = smallJob(64, 2);
    job.recipe.dropout = 0.1;
    job.recipe.recompute = lever.contains("mixed") ? "0-1:0,2-3:3,4-5:1,6-6:2" : "1";
    job.recipe.offloadActivations = lever.contains("activations");
    job.recipe.offloadLayers = lever.contains("all layers") ? 7 : lever.contains("some layers") ? 4 : 0;
    job.recipe.quantization = lever.contains("nf4") ? "nf4" : "none";
    return job;
}

ModelShape shapeOfLayers(std::int64_t layers)
{
    ModelShape shape = smallShape("qwen3");
    shape.layers = layers;
    return shape;
}

}  // namespace

class TestOffloadLanes : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() { g_onWait = {}; }

    void anySpeedOfCopiesGivesTheSameBits_data()
    {
        QTest::addColumn<QString>("lane");
        QTest::addColumn<QString>("lever");
        for (const char* lane : {"eager", "lazy", "thread"})
            for (const char* lever : {"activations", "activations mixed", "some layers", "all layers", "activations, all layers", "activations mixed, some layers nf4"})
                QTest::addRow("%s %s", lane, lever) << QString(lane) << QString(lever);
    }
    void anySpeedOfCopiesGivesTheSameBits()
    {
        QFETCH(QString, lane);
        QFETCH(QString, lever);
        const ModelShape shape = shapeOfLayers(7);
        Job atHome = jobWith(lever);
        atHome.recipe.offloadActivations = false;
        atHome.recipe.offloadLayers = 0;
        const Outcome expected = Run(shape, atHome, lane).outcome();
        g_copies = 0;
        QVERIFY(Run(shape, jobWith(lever), lane).outcome() == expected);
        QVERIFY(lane == "thread" || g_copies > 0);
    }

    void fewLayersAreMovedTooWhereThereIsAnythingToMove_data()
    {
        QTest::addColumn<int>("layers");
        for (const int layers : {1, 2, 3, 4})
            QTest::addRow("%d", layers) << layers;
    }
    void fewLayersAreMovedTooWhereThereIsAnythingToMove()
    {
        QFETCH(int, layers);
        const ModelShape shape = shapeOfLayers(layers);
        Job job = jobWith("");
        const Outcome expected = Run(shape, job, "thread").outcome();
        job.recipe.offloadActivations = true;
        job.recipe.offloadLayers = layers;
        for (const char* lane : {"eager", "lazy", "thread"})
            QVERIFY2(Run(shape, job, lane).outcome() == expected, lane);
    }

    /// A pass that is broken off leaves copies under way; the next one is none the worse.
    void aBrokenPassLeavesNothingBehind_data()
    {
        QTest::addColumn<QString>("lane");
        QTest::addColumn<QString>("lever");
        for (const char* lane : {"eager", "lazy"})
            for (const char* lever : {"activations", "activations, some layers"})
                QTest::addRow("%s %s", lane, lever) << QString(lane) << QString(lever);
    }
    void aBrokenPassLeavesNothingBehind()
    {
        QFETCH(QString, lane);
        QFETCH(QString, lever);
        const ModelShape shape = shapeOfLayers(7);
        const Job job = jobWith(lever);
        const Outcome expected = Run(shape, job, lane).outcome();
        int broken = 0;
        for (int wait = 2; wait <= 11; ++wait) {
            Run run(shape, job, lane);
            std::stop_source stop;
            g_onWait = [&](int number) {
                if (number == wait)
                    stop.request_stop();
            };
            try {
                run.train(stop.get_token());
            } catch (const Error& error) {
                QVERIFY(error.code() == ErrorCode::Cancelled);
                ++broken;
            }
            g_onWait = {};
            QVERIFY2(run.outcome() == expected, qPrintable(QString::number(wait)));
        }
        QVERIFY(broken >= 4);
    }
};

QTEST_GUILESS_MAIN(TestOffloadLanes)
#include "tst_offload_lanes.moc"
