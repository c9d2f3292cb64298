// SPDX-License-Identifier: GPL-3.0-or-later
// Short work in the background: the newest answer wins, stop is heard, nothing crosses a thread but values.
#include "ui/job_runner.h"

#include <QSignalSpy>
#include <QTest>
#include <QThread>

#include <atomic>
#include <chrono>
#include <thread>

using namespace lorikeet;
using namespace lorikeet::ui;
using namespace std::chrono_literals;

class TestJobRunner : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theAnswerComesOnTheThreadThatAsked()
    {
        JobRunner runner;
        QThread* where = nullptr;
        int answer = 0;
        std::atomic<bool> elsewhere = false;
        QThread* const mine = QThread::currentThread();
        runner.run<int>(
            [&](const std::stop_token&, const ProgressFn&) {
                elsewhere = QThread::currentThread() != mine;
                return 42;
            },
            [&](int value) {
                where = QThread::currentThread();
                answer = value;
            },
            {});
        QVERIFY(runner.isBusy());
        QTRY_COMPARE(answer, 42);
        QCOMPARE(where, mine);
        QVERIFY(elsewhere);
        QVERIFY(!runner.isBusy());
    }

    void staleAnswersAreDropped()
    {
        JobRunner runner;
        std::vector<int> answers;
        // The older work ignores its stop token and answers after the newer one.
        runner.run<int>([](const std::stop_token&, const ProgressFn&) {
            std::this_thread::sleep_for(80ms);
            return 1;
        }, [&](int value) { answers.push_back(value); }, {});
        runner.run<int>([](const std::stop_token&, const ProgressFn&) { return 2; }, [&](int value) { answers.push_back(value); }, {});
        QTRY_COMPARE(answers.size(), std::size_t{1});
        QTest::qWait(150);
        QCOMPARE(answers, std::vector<int>{2});
    }

    void aNewerRequestStopsTheOlderWork()
    {
        JobRunner runner;
        std::atomic<bool> stopped = false;
        runner.run<int>([&](const std::stop_token& stop, const ProgressFn&) {
            while (!stop.stop_requested())
                std::this_thread::sleep_for(1ms);
            stopped = true;
            throwIfStopped(stop);
            return 0;
        }, [](int) { QFAIL("a stopped answer arrived"); }, [](const Error&) { QFAIL("a cancelled error arrived"); });
        runner.cancel();
        QTRY_VERIFY(stopped);
        QVERIFY(!runner.isBusy());
        QTest::qWait(20);
    }

    void errorsKeepTheirWords_data()
    {
        QTest::addColumn<bool>("foreign");
        QTest::newRow("our error") << false;
        QTest::newRow("any exception") << true;
    }
    void errorsKeepTheirWords()
    {
        QFETCH(bool, foreign);
        JobRunner runner;
        std::string message;
        std::string hint;
        runner.run<int>([foreign](const std::stop_token&, const ProgressFn&) -> int {
            if (foreign)
                throw std::out_of_range("index 7");
            throw Error(ErrorCode::BadInput, "row 7 is no object", "put it right");
        }, [](int) { QFAIL("an answer instead of an error"); }, [&](const Error& error) {
            message = error.message();
            hint = error.hint();
        });
        QTRY_VERIFY(!message.empty());
        QVERIFY(message.find("7") != std::string::npos);
        QVERIFY(!hint.empty());
        QVERIFY(!runner.isBusy());
    }

    void progressArrivesWithoutFloodingTheWindow()
    {
        JobRunner runner;
        QSignalSpy reports(&runner, &JobRunner::progressed);
        bool done = false;
        runner.run<int>([](const std::stop_token&, const ProgressFn& progress) {
            for (std::uint64_t i = 0; i <= 20000; ++i)
                progress({"counting", i, 20000, "rows"});
            return 0;
        }, [&](int) { done = true; }, {});
        QTRY_VERIFY(done);
        QVERIFY(reports.count() >= 1);
        QVERIFY(reports.count() < 20000);
    }

    void theWindowMayGoWhileWorkIsUnderWay()
    {
        std::atomic<int> ended = 0;
        {
            JobRunner runner;
            runner.run<int>([&](const std::stop_token& stop, const ProgressFn& progress) {
                while (!stop.stop_requested())
                    progress({"working", 0, 0, {}});
                ++ended;
                return 0;
            }, [](int) { QFAIL("an answer after the end"); }, {});
            std::this_thread::sleep_for(5ms);
        }
        QCOMPARE(ended.load(), 1);
        QCoreApplication::processEvents();
    }

    void anAnswerMayAskTheNextQuestion()
    {
        JobRunner runner;
        int last = 0;
        runner.run<int>([](const std::stop_token&, const ProgressFn&) { return 1; }, [&](int) {
            runner.run<int>([](const std::stop_token&, const ProgressFn&) { return 2; }, [&](int value) { last = value; }, {});
        }, {});
        QTRY_COMPARE(last, 2);
        QTRY_VERIFY(!runner.isBusy());
    }
};

QTEST_GUILESS_MAIN(TestJobRunner)
#include "tst_job_runner.moc"
