// SPDX-License-Identifier: GPL-3.0-or-later
// A stop in every phase of a run, a loss that is not finite, a folder that is taken, and an adapter to start from.
#include "engine/base/files.h"
#include "engine/formats/parameters.h"
#include "engine/lora/peft_folder.h"
#include "tests/engine/train/tiny_run.h"

#include <QFile>
#include <QtTest>

#include <algorithm>
#include <cmath>
#include <map>
#include <thread>

using namespace lorikeet;
using test::isStep;
using test::Outcome;

namespace {

/// What a stop may leave: no run at all, or one that can be resumed.
bool isCleanOrResumable(const std::filesystem::path& folder)
{
    if (!std::filesystem::exists(folder / "run.json"))
        return !std::filesystem::exists(folder) || std::filesystem::is_empty(folder);
    return train::hasCheckpoint(folder);
}

std::optional<double> firstEvaluation(const Outcome& outcome)
{
    for (const RunEvent& event : outcome.events)
        if (const auto* done = std::get_if<EvalDone>(&event))
            return done->loss;
    return std::nullopt;
}

}  // namespace

class TestTrainerStops : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        const QString problem = m_runs.prepare();
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        m_straight = m_runs.run(m_runs.job(), m_runs.path("straight"), false);
        QVERIFY2(m_straight.result.has_value(), m_straight.error ? m_straight.error->what() : "");
    }

    void aStopInEveryPhaseLeavesNothingHalf_data()
    {
        QTest::addColumn<QString>("phase");
        for (const char* phase : {"reading data", "loading weights", "hashing the model", "hashing the data", "memory load", "memory evaluate",
                                  "memory train", "started", "first evaluation", "checkpoint"})
            QTest::newRow(phase) << phase;
    }
    void aStopInEveryPhaseLeavesNothingHalf()
    {
        QFETCH(QString, phase);
        const auto folder = m_runs.path("stop-" + QString(phase).replace(' ', '-'));
        test::Disturbance disturbance;
        disturbance.stopAtProgress = [&](const Progress& progress) { return progress.stage == phase.toStdString(); };
        disturbance.stopAtMemory = [&](const MemoryMeasured& measured) { return "memory " + measured.phase == phase.toStdString(); };
        disturbance.stopAt = [&](const RunEvent& event) {
            return (phase == "started" && std::holds_alternative<RunStarted>(event)) || (phase == "first evaluation" && std::holds_alternative<EvalDone>(event))
                || (phase == "checkpoint" && std::holds_alternative<CheckpointSaved>(event));
        };
        const Outcome stopped = m_runs.run(m_runs.job(), folder, false, disturbance);
        QVERIFY2(stopped.secondsAfterStop > 0, "the phase never came");
        QVERIFY2(stopped.secondsAfterStop < 1.0, qPrintable(QString::number(stopped.secondsAfterStop)));
        QVERIFY(stopped.result ? stopped.result->stopped : stopped.error && stopped.error->code() == ErrorCode::Cancelled);
        QVERIFY(isCleanOrResumable(folder));
        const bool begun = std::filesystem::exists(folder / "run.json");
        const Outcome rest = m_runs.run(m_runs.job(), folder, begun);
        QVERIFY2(rest.result.has_value(), rest.error ? rest.error->what() : "");
        QVERIFY(rest.masters == m_straight.masters);
        QCOMPARE(test::loggedFacts(folder), test::facts(m_straight.events));
    }

    void theStarterModelStopsWithinASecond_data()
    {
        QTest::addColumn<int>("afterMs");
        for (const int ms : {40, 150, 400, 900, 1600, 2600, 4000})
            QTest::addRow("%d ms", ms) << ms;
    }
    void theStarterModelStopsWithinASecond()
    {
        QFETCH(int, afterMs);
        QVERIFY2(QFile::exists(LORIKEET_STARTER_MODEL), "the starter model is missing: set LORIKEET_STARTER_MODEL");
        Job job = m_runs.job();
        job.model.path = LORIKEET_STARTER_MODEL;
        job.recipe.context = 512;
        job.recipe.maxSteps = 50;
        job.recipe.rank = 16;
        train::TrainerOptions options;
        options.job = job;
        options.modelPath = LORIKEET_STARTER_MODEL;
        options.device.availableBytes = 8ull << 30;
        options.runFolder = m_runs.path(QString("starter-%1").arg(afterMs));
        std::stop_source stop;
        train::TrainerHooks hooks;
        hooks.stop = stop.get_token();
        // From the request until the last program point; the checkpoint that a stopped run writes comes after it.
        QElapsedTimer sinceStop;
        qint64 untilSaving = -1;
        hooks.emit = [&](const RunEvent& event) {
            if (stop.stop_requested() && untilSaving < 0 && std::holds_alternative<CheckpointSaved>(event))
                untilSaving = sinceStop.elapsed();
        };
        std::jthread watch([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(afterMs));
            sinceStop.start();
            stop.request_stop();
        });
        bool stopped = false;
        try {
            train::Trainer trainer(options, hooks);
            stopped = trainer.run().stopped;
        } catch (const Error& error) {
            QCOMPARE(error.code(), ErrorCode::Cancelled);
            untilSaving = sinceStop.elapsed();
            stopped = true;
        }
        QVERIFY(stopped);
        qInfo("%lld ms", static_cast<long long>(untilSaving));
        QVERIFY2(untilSaving >= 0 && untilSaving < 1000, qPrintable(QString::number(untilSaving)));
        QVERIFY(isCleanOrResumable(options.runFolder));
    }

    void aLossThatIsNotFiniteEndsTheRun()
    {
        Job job = m_runs.job();
        job.recipe.learningRate = 1e30;
        job.recipe.warmupRatio = 0;
        job.run.saveEvery = 1;
        const auto folder = m_runs.path("not-finite");
        const Outcome failed = m_runs.run(job, folder, false);
        QVERIFY(failed.error.has_value());
        QCOMPARE(failed.error->code(), ErrorCode::RunFailed);
        QVERIFY2(failed.error->message().find("step ") != std::string::npos, failed.error->what());
        QVERIFY(!failed.error->hint().empty());
        std::vector<std::string> skipped;
        const train::Checkpoint last = train::readNewestCheckpoint(folder, skipped);
        QVERIFY(skipped.empty());
        QVERIFY(last.step >= 1);
        // No event carries the broken step.
        for (const RunEvent& event : failed.events)
            if (const auto* done = std::get_if<StepDone>(&event))
                QVERIFY(std::isfinite(done->loss) && done->step <= last.step);
    }

    void aFolderThatHoldsARunIsNotOverwritten()
    {
        const Outcome refused = m_runs.run(m_runs.job(), m_runs.path("straight"), false);
        QVERIFY(refused.error.has_value());
        QCOMPARE(refused.error->code(), ErrorCode::Target);
        QCOMPARE(test::loggedFacts(m_runs.path("straight")), test::facts(m_straight.events));
    }

    void aFolderInUseIsRefused()
    {
        const auto folder = m_runs.path("straight");
        {
            const LockFile other(folder / "run.lock", "in use");
            const Outcome refused = m_runs.run(m_runs.job(), folder, true);
            QVERIFY(refused.error.has_value());
            QCOMPARE(refused.error->code(), ErrorCode::Target);
            QVERIFY2(refused.error->message().find("is being trained") != std::string::npos, refused.error->what());
            QCOMPARE(test::loggedFacts(folder), test::facts(m_straight.events));
        }
        QVERIFY(!m_runs.run(m_runs.job(), folder, true).error.has_value());
    }

    void aFolderThatIsNoRunIsNotResumed()
    {
        QVERIFY(QDir().mkpath(QString::fromStdString(m_runs.path("empty").string())));
        const Outcome refused = m_runs.run(m_runs.job(), m_runs.path("empty"), true);
        QVERIFY(refused.error.has_value());
        QCOMPARE(refused.error->code(), ErrorCode::BadInput);
        QVERIFY(std::filesystem::is_empty(m_runs.path("empty")));
    }

    void anAdapterIsContinued()
    {
        const Job job = m_runs.job();
        const auto adapter = m_runs.path("adapter");
        QVERIFY(QDir().mkpath(QString::fromStdString(adapter.string())));
        lora::writePeft(adapter, lora::peftConfigOf(job, job.model.path), m_straight.slots, m_straight.masters);
        Job next = job;
        next.recipe.initAdapter = adapter.string();
        next.recipe.maxSteps = 2;
        const Outcome continued = m_runs.run(next, m_runs.path("continued"), false);
        QVERIFY2(continued.result.has_value(), continued.error ? continued.error->what() : "");
        QVERIFY(firstEvaluation(continued).has_value());
        QCOMPARE(*firstEvaluation(continued), *m_straight.result->validationLossAfter);

        next.recipe.rank = 3;
        const Outcome refused = m_runs.run(next, m_runs.path("other-rank"), false);
        QVERIFY(refused.error.has_value());
        QCOMPARE(refused.error->code(), ErrorCode::BadInput);
        QVERIFY(!std::filesystem::exists(m_runs.path("other-rank") / "run.json"));
    }

    void whatWasTrainedWholeIsContinuedWithItsAdapter()
    {
        Job job = m_runs.job();
        job.recipe.alsoTrain = {"embeddings", "norms"};
        job.recipe.learningRate = 2e-3;
        job.recipe.maxSteps = 4;
        const Outcome first = m_runs.run(job, m_runs.path("whole"), false);
        QVERIFY2(first.result.has_value(), first.error ? first.error->what() : "");
        const auto adapter = m_runs.path("whole-adapter");
        QVERIFY(QDir().mkpath(QString::fromStdString(adapter.string())));
        const auto source = formats::openModelSource(job.model.path);
        lora::TrainedModules modules;
        std::map<ParamId, std::int64_t> offsets;
        for (const plan::ParameterSlot& slot : first.parameters) {
            modules.ids.push_back(slot.id);
            offsets[slot.id] = slot.offset;
        }
        modules.read = [&](ParamId id, std::int64_t row, std::int64_t, std::span<float> rows) {
            std::copy_n(first.masters.begin() + offsets.at(id) + row * formats::shapeOf(id, source->shape())[1], rows.size(), rows.begin());
        };
        lora::writePeft(adapter, {lora::peftConfigOf(job, job.model.path), source->shape(), first.slots, first.masters, modules});
        Job next = job;
        next.recipe.initAdapter = adapter.string();
        const Outcome continued = m_runs.run(next, m_runs.path("whole-continued"), false);
        QVERIFY2(continued.result.has_value(), continued.error ? continued.error->what() : "");
        QCOMPARE(*firstEvaluation(continued), *first.result->validationLossAfter);

        // What the adapter brings must be trained, or it would be lost.
        next.recipe.alsoTrain = {"norms"};
        const Outcome refused = m_runs.run(next, m_runs.path("whole-refused"), false);
        QVERIFY(refused.error.has_value());
        QVERIFY2(refused.error->message().find("embed_tokens") != std::string::npos, refused.error->what());
        QVERIFY(!std::filesystem::exists(m_runs.path("whole-refused") / "run.json"));
    }

    void anAdapterWithMagnitudesIsContinued()
    {
        Job job = m_runs.job();
        job.recipe.dropout = 0;
        job.recipe.dora = true;
        const Outcome first = m_runs.run(job, m_runs.path("dora"), false);
        QVERIFY2(first.result.has_value(), first.error ? first.error->what() : "");
        const auto adapter = m_runs.path("dora-adapter");
        QVERIFY(QDir().mkpath(QString::fromStdString(adapter.string())));
        lora::writePeft(adapter, lora::peftConfigOf(job, job.model.path), first.slots, first.masters);
        Job next = job;
        next.recipe.initAdapter = adapter.string();
        next.recipe.maxSteps = 2;
        const Outcome continued = m_runs.run(next, m_runs.path("dora-continued"), false);
        QVERIFY2(continued.result.has_value(), continued.error ? continued.error->what() : "");
        QVERIFY(firstEvaluation(continued).has_value());
        QCOMPARE(*firstEvaluation(continued), *first.result->validationLossAfter);

        next.recipe.dora = false;
        const Outcome refused = m_runs.run(next, m_runs.path("dora-forgotten"), false);
        QVERIFY(refused.error.has_value());
        QCOMPARE(refused.error->code(), ErrorCode::BadInput);
        QVERIFY2(refused.error->hint().find("recipe.dora") != std::string::npos, refused.error->what());
    }

private:
    test::TinyRuns m_runs;
    Outcome m_straight;
};

QTEST_GUILESS_MAIN(TestTrainerStops)
#include "tst_trainer_stops.moc"
