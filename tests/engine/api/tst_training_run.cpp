// SPDX-License-Identifier: GPL-3.0-or-later
// A run obeys in every state, from any thread, within a second, and its last event is always the last.
#include "engine/base/error.h"
#include "engine/train/run_folder.h"
#include "tests/engine/api/api_run.h"
#include "tests/engine/train/tiny_run.h"

#include <QFile>
#include <QtTest>

#include <algorithm>
#include <thread>

using namespace lorikeet;
using test::secondsNow;
using test::WatchedRun;

Q_DECLARE_METATYPE(lorikeet::RunState)

namespace {

constexpr double kSoon = 1.0;  // seconds

}  // namespace

class TestTrainingRun : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        const QString problem = m_runs.prepare();
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
    }

    void runsToItsEndAndSaysSo()
    {
        WatchedRun run(options("plain"));
        QCOMPARE(run->state(), RunState::Idle);
        run.start();
        const RunEnded ended = run.end();
        QVERIFY2(ended.status == RunEnded::Status::Done, ended.errorMessage.c_str());
        QCOMPARE(run.states(), (std::vector{RunState::Starting, RunState::Running, RunState::Ended}));
        QCOMPARE(run->state(), RunState::Ended);
        QCOMPARE(std::count_if(run.events().begin(), run.events().end(), [](const RunEvent& e) { return std::holds_alternative<RunEnded>(e); }), 1);
        QVERIFY(std::filesystem::exists(std::filesystem::path(ended.adapterFolder) / "adapter_model.safetensors"));
        QCOMPARE(run.wakesBesideTakes(), 0);
    }

    void isStartedOnce()
    {
        WatchedRun run(options("once"));
        run.start();
        QVERIFY_EXCEPTION_THROWN(run.start(), Error);
        run->stopAndKeep();
        QCOMPARE(run.end().status, RunEnded::Status::Stopped);
        QVERIFY_EXCEPTION_THROWN(run.start(), Error);
    }

    void waitReturnsWhenNothingWasStarted()
    {
        WatchedRun run(options("never"));
        run->wait();
        QVERIFY(run->takeEvents().empty());
        QCOMPARE(run->state(), RunState::Idle);
    }

    void manyMayWait()
    {
        WatchedRun run(options("waiters"));
        run.start();
        std::vector<std::thread> waiters;
        for (int i = 0; i < 4; ++i)
            waiters.emplace_back([&run] { run->wait(); });
        run->stopAndKeep();
        for (std::thread& waiter : waiters)
            waiter.join();
        QCOMPARE(run.end().status, RunEnded::Status::Stopped);
    }

    void stopsAndIsDestroyedInEveryState_data()
    {
        QTest::addColumn<RunState>("state");
        QTest::addColumn<bool>("destroyed");
        for (const bool destroyed : {false, true}) {
            const char* how = destroyed ? "destroyed" : "stopped";
            QTest::addRow("%s while idle", how) << RunState::Idle << destroyed;
            QTest::addRow("%s while starting", how) << RunState::Starting << destroyed;
            QTest::addRow("%s while running", how) << RunState::Running << destroyed;
            QTest::addRow("%s while paused", how) << RunState::Paused << destroyed;
            QTest::addRow("%s while stopping", how) << RunState::Stopping << destroyed;
            QTest::addRow("%s at the end", how) << RunState::Ended << destroyed;
        }
    }
    void stopsAndIsDestroyedInEveryState()
    {
        QFETCH(RunState, state);
        QFETCH(bool, destroyed);
        WatchedRun run(options(QString(QTest::currentDataTag()).replace(' ', '-')));
        bring(run, state);
        const double asked = secondsNow();
        if (destroyed) {
            run.destroy();
        } else {
            run->stopAndKeep();
            run->wait();
        }
        const double took = secondsNow() - asked;
        QVERIFY2(took < kSoon, qPrintable(QString::number(took)));
        if (destroyed || state == RunState::Idle)
            return;
        const RunEnded ended = run.end();
        QVERIFY2(ended.status == (state == RunState::Ended ? RunEnded::Status::Done : RunEnded::Status::Stopped), ended.errorMessage.c_str());
        QCOMPARE(run.states().back(), RunState::Ended);
    }

    void aStopKeepsTheAdapterAndTheRunGoesOn()
    {
        api::RunOptions first = options("stopped-and-resumed");
        WatchedRun run(first);
        run.start();
        QVERIFY(run.untilStep(2));
        run->pause();
        QVERIFY(run.untilState(RunState::Paused));
        run->stopAndKeep();
        const RunEnded ended = run.end();
        QCOMPARE(ended.status, RunEnded::Status::Stopped);
        QVERIFY(ended.step >= 2);
        QVERIFY(std::filesystem::exists(std::filesystem::path(ended.adapterFolder) / "adapter_model.safetensors"));
        first.resume = true;
        WatchedRun again(first);
        again.start();
        const RunEnded rest = again.end();
        QVERIFY2(rest.status == RunEnded::Status::Done, rest.errorMessage.c_str());
        QVERIFY(rest.step > ended.step);
    }

    void stoppingIsSaidBetweenTheOrderAndTheEnd()
    {
        WatchedRun run(options("stopping"));
        run.start();
        QVERIFY(run.untilStep(1));
        run->pause();
        QVERIFY(run.untilState(RunState::Paused));
        run->stopAndKeep();
        // Said by the order itself: what the run's thread does meanwhile cannot delay it.
        (void)run.until([](const RunEvent&) { return false; }, 0);
        QVERIFY(std::ranges::count(run.states(), RunState::Stopping) == 1);
        run->stopAndKeep();
        QCOMPARE(run.end().status, RunEnded::Status::Stopped);
        QCOMPARE(run.states(), (std::vector{RunState::Starting, RunState::Running, RunState::Paused, RunState::Stopping, RunState::Ended}));
        run->stopAndKeep();
        QCOMPARE(run->state(), RunState::Ended);
    }

    void anOrderToStopGivenBeforeTheStartHolds()
    {
        WatchedRun run(options("early-stop"));
        run->stopAndKeep();
        QCOMPARE(run->state(), RunState::Idle);
        run.start();
        QCOMPARE(run.end().status, RunEnded::Status::Stopped);
        QCOMPARE(run.states(), (std::vector{RunState::Starting, RunState::Stopping, RunState::Ended}));
    }

    void aRunThatFailsSaysSoInItsLog()
    {
        api::RunOptions failing = options("failing");
        std::filesystem::create_directories(failing.runFolder);
        QFile inTheWay(failing.runFolder / "checkpoints");
        QVERIFY(inTheWay.open(QIODevice::WriteOnly));
        inTheWay.close();
        WatchedRun run(failing);
        run.start();
        const RunEnded ended = run.end();
        QCOMPARE(ended.status, RunEnded::Status::Failed);
        QVERIFY(ended.step > 0);
        const std::vector<RunEvent> log = train::readEvents(failing.runFolder);
        QVERIFY(!log.empty());
        const auto* last = std::get_if<RunEnded>(&log.back());
        QVERIFY(last != nullptr);
        QCOMPARE(last->status, RunEnded::Status::Failed);
        QCOMPARE(last->step, ended.step);
        QCOMPARE(last->errorMessage, ended.errorMessage);
        QVERIFY(!last->errorHint.empty());
        QVERIFY(!api::inspectRun(failing.runFolder).finished);
    }

    void whoIsRefusedWritesIntoNoLogOfOthers()
    {
        WatchedRun first(options("taken"));
        first.start();
        QCOMPARE(first.end().status, RunEnded::Status::Done);
        const std::size_t before = train::readEvents(m_runs.path("taken")).size();
        WatchedRun second(options("taken"));
        second.start();
        QCOMPARE(second.end().status, RunEnded::Status::Failed);
        QCOMPARE(train::readEvents(m_runs.path("taken")).size(), before);
    }

    void aPauseAskedForBeforeTheStartHolds()
    {
        WatchedRun run(options("early-pause"));
        run->pause();
        run.start();
        QVERIFY(run.untilState(RunState::Paused));
        QTest::qWait(100);
        (void)run.until([](const RunEvent&) { return false; }, 0);
        QVERIFY(std::none_of(run.events().begin(), run.events().end(), [](const RunEvent& e) { return std::holds_alternative<StepDone>(e); }));
        QCOMPARE(run->state(), RunState::Paused);
        run->resume();
        QCOMPARE(run.end().status, RunEnded::Status::Done);
        QCOMPARE(run.states(), (std::vector{RunState::Starting, RunState::Running, RunState::Paused, RunState::Running, RunState::Ended}));
    }

    void noResumeIsLost()
    {
        WatchedRun run(options("hammered"));
        run.start();
        std::vector<std::thread> hands;
        for (int hand = 0; hand < 3; ++hand)
            hands.emplace_back([&run] {
                for (int i = 0; i < 2000; ++i) {
                    run->pause();
                    std::this_thread::yield();
                    run->resume();
                }
            });
        for (std::thread& hand : hands)
            hand.join();
        run->resume();
        QVERIFY(run.until([](const RunEvent& e) { return std::holds_alternative<RunEnded>(e); }));
        QCOMPARE(run.end().status, RunEnded::Status::Done);
        const std::vector<RunState> states = run.states();
        for (std::size_t i = 2; i < states.size(); ++i)
            QVERIFY(states[i] != RunState::Paused || states[i - 1] == RunState::Running);
    }

    void whoSeesTheEndFindsTheLastEvent()
    {
        for (int round = 0; round < 10; ++round) {
            api::RunOptions broken = options("no-model");
            broken.job.model.path = m_runs.path("nowhere").string();
            const auto run = api::makeTrainingRun(broken);
            run->start({});
            while (run->state() != RunState::Ended)
                std::this_thread::yield();
            const std::vector<RunEvent> events = run->takeEvents();
            QVERIFY(!events.empty() && std::holds_alternative<RunEnded>(events.back()));
        }
    }

    void whatCannotStartFailsWithAReason_data()
    {
        QTest::addColumn<QString>("what");
        QTest::addColumn<int>("code");
        QTest::newRow("no data") << "data" << static_cast<int>(ErrorCode::BadInput);
        QTest::newRow("no model") << "model" << static_cast<int>(ErrorCode::BadInput);
        QTest::newRow("a blueprint") << "blueprint" << static_cast<int>(ErrorCode::BadInput);
        QTest::newRow("a file where the run should be") << "target" << static_cast<int>(ErrorCode::Target);
        QTest::newRow("nothing to resume") << "resume" << static_cast<int>(ErrorCode::BadInput);
        QTest::newRow("no such device") << "device" << static_cast<int>(ErrorCode::Device);
        QTest::newRow("a name longer than the system allows") << "name" << static_cast<int>(ErrorCode::Target);
    }
    void whatCannotStartFailsWithAReason()
    {
        QFETCH(QString, what);
        QFETCH(int, code);
        api::RunOptions broken = options("broken-" + what);
        if (what == "data")
            broken.job.data.path = m_runs.path("nowhere.jsonl").string();
        if (what == "model")
            broken.job.model.path = m_runs.path("nowhere").string();
        if (what == "blueprint")
            broken.job.model.path = "blueprint:Qwen3-0.6B";
        if (what == "target")
            broken.runFolder = m_runs.path("rows.jsonl") / "run";
        if (what == "resume")
            broken.resume = true;
        if (what == "device")
            broken.job.run.device = "cuda:77";
        if (what == "name")
            broken.runFolder = m_runs.path(QString(300, 'x'));
        WatchedRun run(broken);
        run.start();
        const RunEnded ended = run.end();
        QCOMPARE(ended.status, RunEnded::Status::Failed);
        QVERIFY2(static_cast<int>(ended.errorCode) == code, ended.errorMessage.c_str());
        QVERIFY(!ended.errorMessage.empty() && !ended.errorHint.empty());
    }

private:
    [[nodiscard]] api::RunOptions options(const QString& name) const
    {
        api::RunOptions options;
        options.job = m_runs.job();
        options.runFolder = m_runs.path(name);
        return options;
    }
    static void bring(WatchedRun& run, RunState state)
    {
        if (state == RunState::Idle)
            return;
        run.start();
        if (state == RunState::Starting)
            return;
        if (state == RunState::Ended) {
            run->wait();
            return;
        }
        QVERIFY(run.untilStep(1));
        if (state == RunState::Paused) {
            run->pause();
            QVERIFY(run.untilState(RunState::Paused));
        } else if (state == RunState::Stopping) {
            run->stopAndKeep();
        }
    }

    test::TinyRuns m_runs;
};

QTEST_GUILESS_MAIN(TestTrainingRun)
#include "tst_training_run.moc"
