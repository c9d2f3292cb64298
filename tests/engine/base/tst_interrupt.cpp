// SPDX-License-Identifier: GPL-3.0-or-later
// One signal asks to stop and gives its exit code, the second ends the process at once; both seen from outside, in children.
#include "engine/base/error.h"
#include "engine/base/system.h"

#include <QElapsedTimer>
#include <QtTest>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

using namespace lorikeet;
using namespace std::chrono_literals;

namespace {

/// Waits for the stop request as a worker does; true when it came within ten seconds.
bool stopComes(const std::stop_token& token)
{
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock(mutex);
    changed.wait_for(lock, token, 10s, [] { return false; });
    return token.stop_requested();
}

/// Forks a child that runs `action` with a guard. The child tells through a pipe when the guard is there.
template <typename Action>
pid_t child(Action action)
{
    int ends[2];
    if (::pipe(ends) != 0)
        return -1;
    const pid_t id = ::fork();
    if (id == 0) {
        InterruptGuard guard;
        if (::write(ends[1], "r", 1) != 1)
            ::_exit(99);
        ::_exit(action(guard));
    }
    ::close(ends[1]);  // so that a child that dies early ends the read
    char ready = 0;
    const bool started = ::read(ends[0], &ready, 1) == 1;
    ::close(ends[0]);
    return started ? id : -1;
}

int exitCodeOfChild(pid_t id)
{
    int status = 0;
    ::waitpid(id, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace

class TestInterrupt : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void firstSignalAsksToStop_data();
    void firstSignalAsksToStop();
    void secondSignalEndsAtOnce_data();
    void secondSignalEndsAtOnce();
    void withoutSignalNothingIsAsked();
    void guardPutsTheOldHandlersBack();
    void secondGuardIsRefused();
    void slowReadsAreNotInterrupted();
};

void TestInterrupt::firstSignalAsksToStop_data()
{
    QTest::addColumn<int>("signal");
    QTest::addColumn<int>("code");
    QTest::newRow("interrupt") << SIGINT << 130;
    QTest::newRow("terminate") << SIGTERM << 143;
}

void TestInterrupt::firstSignalAsksToStop()
{
    QFETCH(int, signal);
    QFETCH(int, code);
    const pid_t id = child([](InterruptGuard& guard) { return stopComes(guard.token()) ? guard.exitCode() : 1; });
    QVERIFY(id > 0);
    QElapsedTimer timer;
    timer.start();
    QVERIFY(::kill(id, signal) == 0);
    QCOMPARE(exitCodeOfChild(id), code);
    QVERIFY(timer.elapsed() < 5000);
}

void TestInterrupt::secondSignalEndsAtOnce_data()
{
    QTest::addColumn<int>("second");
    QTest::addColumn<int>("code");
    QTest::newRow("interrupt") << SIGINT << 130;
    QTest::newRow("terminate") << SIGTERM << 143;
}

void TestInterrupt::secondSignalEndsAtOnce()
{
    QFETCH(int, second);
    QFETCH(int, code);
    // This child never looks at the token: only the second signal can end it.
    const pid_t id = child([](InterruptGuard&) {
        std::this_thread::sleep_for(30s);
        return 1;
    });
    QVERIFY(id > 0);
    QElapsedTimer timer;
    timer.start();
    QVERIFY(::kill(id, SIGINT) == 0);
    std::this_thread::sleep_for(100ms);
    QCOMPARE(::waitpid(id, nullptr, WNOHANG), 0);
    QVERIFY(::kill(id, second) == 0);
    QCOMPARE(exitCodeOfChild(id), code);
    QVERIFY(timer.elapsed() < 5000);
}

void TestInterrupt::withoutSignalNothingIsAsked()
{
    const InterruptGuard guard;
    QVERIFY(!guard.token().stop_requested());
    QCOMPARE(guard.exitCode(), 0);
}

void TestInterrupt::guardPutsTheOldHandlersBack()
{
    struct sigaction before = {};
    struct sigaction after = {};
    QVERIFY(::sigaction(SIGINT, nullptr, &before) == 0);
    for (int i = 0; i < 3; ++i)
        const InterruptGuard guard;
    QVERIFY(::sigaction(SIGINT, nullptr, &after) == 0);
    QVERIFY(before.sa_handler == after.sa_handler);
}

void TestInterrupt::secondGuardIsRefused()
{
    const InterruptGuard guard;
    QVERIFY_EXCEPTION_THROWN(InterruptGuard(), Error);
}

void TestInterrupt::slowReadsAreNotInterrupted()
{
    // A blocking read of stdin or of a socket must go on after the first signal (SA_RESTART), not fail with EINTR.
    const pid_t id = child([](InterruptGuard& guard) {
        int ends[2];
        if (::pipe(ends) != 0)
            return 1;
        std::jthread writer([&] {
            (void)stopComes(guard.token());
            if (::write(ends[1], "x", 1) != 1)
                ::_exit(2);
        });
        char byte = 0;
        return ::read(ends[0], &byte, 1) == 1 ? 42 : 3;
    });
    QVERIFY(id > 0);
    std::this_thread::sleep_for(100ms);
    QVERIFY(::kill(id, SIGINT) == 0);
    QCOMPARE(exitCodeOfChild(id), 42);
}

QTEST_GUILESS_MAIN(TestInterrupt)
#include "tst_interrupt.moc"
