// SPDX-License-Identifier: GPL-3.0-or-later
// The window's end of a run: nothing lost, batches, orders, failures.
#include "tests/ui/scripted_engine.h"
#include "ui/run_controller.h"

#include <QElapsedTimer>
#include <QSignalSpy>
#include <QTest>

#include <cmath>

using namespace lorikeet;
using namespace lorikeet::test;
using namespace lorikeet::ui;
using namespace std::chrono_literals;

class TestRunController : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyStepArrivesOnceAndInOrder()
    {
        ScriptedEngine engine;
        engine.script.steps = 5000;
        engine.script.stepTime = 0ms;
        const EngineVerbs verbs = engine.verbs();
        RunController run(verbs);
        QSignalSpy batches(&run, &RunController::stepsArrived);
        QSignalSpy ended(&run, &RunController::runEnded);
        run.start({});
        QTRY_COMPARE_WITH_TIMEOUT(ended.count(), 1, 20000);
        QCOMPARE(run.history().steps.size(), std::size_t{5000});
        for (std::size_t i = 0; i < 5000; ++i)
            QCOMPARE(run.history().steps[i].step, static_cast<std::int64_t>(i) + 1);
        QVERIFY(batches.count() < 500);
        QCOMPARE(run.history().evaluations.size(), std::size_t{4});
        QCOMPARE(run.state(), RunState::Ended);
    }

    void batchesComeAtMostThirtyTimesASecond()
    {
        ScriptedEngine engine;
        engine.script.steps = 600;
        engine.script.stepTime = 1ms;
        const EngineVerbs verbs = engine.verbs();
        RunController run(verbs);
        QSignalSpy batches(&run, &RunController::stepsArrived);
        QElapsedTimer time;
        time.start();
        run.start({});
        QTRY_COMPARE_WITH_TIMEOUT(run.state(), RunState::Ended, 20000);
        const double seconds = static_cast<double>(time.elapsed()) / 1000.0;
        // The poll for memory and progress may add its five a second.
        QVERIFY2(batches.count() <= 35.0 * seconds + 3, qPrintable(QString::number(batches.count())));
    }

    void pauseHoldsAndResumeGoesOn()
    {
        ScriptedEngine engine;
        engine.script.steps = 100;
        const EngineVerbs verbs = engine.verbs();
        RunController run(verbs);
        run.start({});
        QTRY_VERIFY(run.history().steps.size() > 5);
        run.pause();
        QTRY_COMPARE(run.state(), RunState::Paused);
        QTest::qWait(60);
        const std::size_t held = run.history().steps.size();
        QTest::qWait(120);
        QCOMPARE(run.history().steps.size(), held);
        run.resume();
        QTRY_COMPARE_WITH_TIMEOUT(run.state(), RunState::Ended, 20000);
        QCOMPARE(run.history().steps.size(), std::size_t{100});
        QCOMPARE(run.history().ended->status, RunEnded::Status::Done);
    }

    void stopKeepsWhatWasLearntInEveryState_data()
    {
        QTest::addColumn<int>("state");
        QTest::newRow("starting") << static_cast<int>(RunState::Starting);
        QTest::newRow("running") << static_cast<int>(RunState::Running);
        QTest::newRow("paused") << static_cast<int>(RunState::Paused);
    }
    void stopKeepsWhatWasLearntInEveryState()
    {
        QFETCH(int, state);
        ScriptedEngine engine;
        engine.script.steps = 100000;
        engine.script.stopTime = 200ms;
        const EngineVerbs verbs = engine.verbs();
        RunController run(verbs);
        run.start({});
        if (state != static_cast<int>(RunState::Starting))
            QTRY_VERIFY(run.history().steps.size() > 3);
        if (state == static_cast<int>(RunState::Paused)) {
            run.pause();
            QTRY_COMPARE(run.state(), RunState::Paused);
        }
        QElapsedTimer time;
        time.start();
        run.stopAndKeep();
        QVERIFY(time.elapsed() < 50);
        QCOMPARE(run.state(), RunState::Stopping);
        QTRY_COMPARE_WITH_TIMEOUT(run.state(), RunState::Ended, 5000);
        QCOMPARE(run.history().ended->status, RunEnded::Status::Stopped);
        QVERIFY(!run.history().ended->adapterFolder.empty());
    }

    void aFailureArrivesWithItsWords()
    {
        ScriptedEngine engine;
        engine.script.failure = Error(ErrorCode::RunFailed, "the loss is not finite at step 8", "lower recipe.learning_rate");
        engine.script.failAtStep = 8;
        engine.script.nanAtStep = 5;
        const EngineVerbs verbs = engine.verbs();
        RunController run(verbs);
        run.start({});
        QTRY_COMPARE_WITH_TIMEOUT(run.state(), RunState::Ended, 5000);
        QCOMPARE(run.history().ended->errorHint, std::string("lower recipe.learning_rate"));
        QCOMPARE(run.history().steps.size(), std::size_t{7});
        QVERIFY(std::isnan(run.history().steps[4].loss));
    }

    void saveNowIsAnswered()
    {
        ScriptedEngine engine;
        engine.script.steps = 200;
        const EngineVerbs verbs = engine.verbs();
        RunController run(verbs);
        QSignalSpy saved(&run, &RunController::checkpointSaved);
        run.start({});
        QTRY_VERIFY(!run.history().steps.empty());
        run.saveNow();
        QTRY_COMPARE(saved.count(), 1);
        run.stopAndKeep();
        QTRY_COMPARE(run.state(), RunState::Ended);
    }

    void oneRunAtATimeAndAnotherAfterwards()
    {
        ScriptedEngine engine;
        engine.script.steps = 20;
        const EngineVerbs verbs = engine.verbs();
        RunController run(verbs);
        run.start({});
        run.start({});
        QCOMPARE(engine.runsMade.load(), 1);
        QTRY_COMPARE(run.state(), RunState::Ended);
        run.start({});
        QVERIFY(run.history().steps.empty());
        QTRY_COMPARE(run.state(), RunState::Ended);
        QCOMPARE(run.history().steps.size(), std::size_t{20});
    }

    void theControllerMayGoWhileTheRunGoes()
    {
        ScriptedEngine engine;
        engine.script.steps = 100000;
        const EngineVerbs verbs = engine.verbs();
        {
            RunController run(verbs);
            run.start({});
            QTRY_VERIFY(!run.history().steps.empty());
        }
        QTest::qWait(20);
    }
};

QTEST_GUILESS_MAIN(TestRunController)
#include "tst_run_controller.moc"
