// SPDX-License-Identifier: GPL-3.0-or-later
// Memory, processor, libraries, process ids and page blocks of the machine that runs the test.
#include "engine/base/error.h"
#include "engine/base/system.h"

#include <QFile>
#include <QProcess>
#include <QRegularExpression>
#include <QtTest>

#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace lorikeet;

class TestSystem : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void hostMemoryIsPlausible();
    void processMemoryFollowsATouchedBlock();
    void processorAgreesWithTheKernel();
    void threadsFollowTheAffinity();
    void libraryOpensAndMissingOneSaysWhy();
    void processIdsLiveAndDie();
    void pageBlockIsZeroedAlignedAndThere();
    void pageBlockMoves();
    void pageBlockThatDoesNotFitIsRefused();
    void brokenPipeIsAnErrorAndNotASignal();
    void terminalIsRecognised();
};

void TestSystem::hostMemoryIsPlausible()
{
    const HostMemory memory = hostMemory();
    QVERIFY(memory.totalBytes > (std::uint64_t{1} << 26));
    QVERIFY(memory.availableBytes > 0 && memory.availableBytes <= memory.totalBytes);
    QVERIFY(memory.totalBytes <= static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
}

void TestSystem::processMemoryFollowsATouchedBlock()
{
    constexpr std::uint64_t kBytes = 64 << 20;
    const auto before = processMemory();
    QVERIFY(before.residentBytes > 0 && before.peakResidentBytes >= before.residentBytes);
    std::uint64_t during = 0;
    {
        const PageBlock block(kBytes);
        during = processMemory().residentBytes;
    }
    const auto after = processMemory();
    QVERIFY(during >= before.residentBytes + kBytes - (4 << 20));
    QVERIFY(after.residentBytes + kBytes - (4 << 20) <= during);
    QVERIFY(after.peakResidentBytes >= during - (1 << 20));
}

void TestSystem::processorAgreesWithTheKernel()
{
    const Processor found = processor();
    QVERIFY(!found.name.empty());
    QFile info("/proc/cpuinfo");
    QVERIFY(info.open(QIODevice::ReadOnly));
    const QByteArray text = info.readAll();
    const auto match = QRegularExpression("^flags\\s*:(.*)$", QRegularExpression::MultilineOption).match(QString::fromLatin1(text));
    if (!match.hasMatch())
        QSKIP("no x86 processor: the flags have other names");
    const auto list = match.captured(1).split(' ', Qt::SkipEmptyParts);
    const auto has = [&list](const char* flag) { return list.contains(QString(flag)); };
    QCOMPARE(found.avx2, has("avx2") && has("fma"));
    QCOMPARE(found.avx512, has("avx512f") && has("avx512bw") && has("avx512dq") && has("avx512vl"));
    QCOMPARE(found.avx512Bf16, found.avx512 && has("avx512_bf16"));
    QCOMPARE(found.amxBf16, has("amx_bf16") && has("amx_tile"));
    QVERIFY2(text.contains(found.name.c_str()), found.name.c_str());
}

void TestSystem::threadsFollowTheAffinity()
{
    const int before = processor().threads;
    QVERIFY(before >= 1 && before <= ::sysconf(_SC_NPROCESSORS_CONF));
    const pid_t child = ::fork();
    if (child == 0) {
        cpu_set_t all;
        CPU_ZERO(&all);
        ::sched_getaffinity(0, sizeof(all), &all);
        cpu_set_t one;
        CPU_ZERO(&one);
        for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++i) {
            if (CPU_ISSET(i, &all))
                CPU_SET(i, &one);
        }
        ::_exit(::sched_setaffinity(0, sizeof(one), &one) == 0 && processor().threads == 1 ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    QCOMPARE(status, 0);
}

void TestSystem::libraryOpensAndMissingOneSaysWhy()
{
    const DynamicLibrary library("libm.so.6", false);
    using Cosine = double (*)(double);
    const auto cosine = reinterpret_cast<Cosine>(library.symbol("cos"));
    QVERIFY(cosine != nullptr);
    QCOMPARE(cosine(0.0), 1.0);
    QVERIFY(library.symbol("no_such_symbol") == nullptr);
    try {
        const DynamicLibrary missing("/nowhere/libmissing.so", false);
        QFAIL("a missing library was opened");
    } catch (const Error& error) {
        QVERIFY(error.code() == ErrorCode::Device);
        QVERIFY2(QString(error.what()).contains("libmissing.so"), error.what());
    }
}

void TestSystem::processIdsLiveAndDie()
{
    QCOMPARE(processId(), std::int64_t{::getpid()});
    QVERIFY(isProcessAlive(processId()));
    QVERIFY(isProcessAlive(1));
    const pid_t child = ::fork();
    if (child == 0)
        ::_exit(0);
    ::waitpid(child, nullptr, 0);
    QVERIFY(!isProcessAlive(child));
    QVERIFY(!isProcessAlive(0));
    QVERIFY(!isProcessAlive(-1));
    QVERIFY(!isProcessAlive((std::int64_t{1} << 32) + 1));
}

void TestSystem::pageBlockIsZeroedAlignedAndThere()
{
    constexpr std::uint64_t kBytes = (5 << 20) + 123;
    const PageBlock block(kBytes);
    QCOMPARE(block.size(), kBytes);
    QCOMPARE(reinterpret_cast<std::uintptr_t>(block.data()) % 4096, std::uintptr_t{0});
    std::byte sum{0};
    for (std::uint64_t i = 0; i < kBytes; ++i)
        sum |= block.data()[i];
    QVERIFY(sum == std::byte{0});
    const PageBlock nothing(0);
    QVERIFY(nothing.data() == nullptr && nothing.size() == 0);
}

void TestSystem::pageBlockMoves()
{
    PageBlock first(8192);
    std::byte* const address = first.data();
    first.data()[8191] = std::byte{7};
    PageBlock second(std::move(first));
    QVERIFY(second.data() == address && first.data() == nullptr && first.size() == 0);
    PageBlock third(4096);
    third = std::move(second);
    QVERIFY(third.data() == address && third.size() == 8192 && third.data()[8191] == std::byte{7});
}

void TestSystem::pageBlockThatDoesNotFitIsRefused()
{
    for (const std::uint64_t bytes : {hostMemory().totalBytes * 2, std::uint64_t{1} << 62}) {
        try {
            const PageBlock block(bytes);
            QFAIL("memory that is not there was given");
        } catch (const Error& error) {
            QVERIFY(error.code() == ErrorCode::DoesNotFit);
            QVERIFY2(QString(error.what()).contains("are available"), error.what());
        }
    }
}

void TestSystem::brokenPipeIsAnErrorAndNotASignal()
{
    const pid_t child = ::fork();
    if (child == 0) {
        ignoreBrokenPipes();
        int ends[2];
        if (::pipe(ends) != 0)
            ::_exit(1);
        ::close(ends[0]);
        ::_exit(::write(ends[1], "x", 1) == -1 && errno == EPIPE ? 42 : 2);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    QVERIFY(WIFEXITED(status));
    QCOMPARE(WEXITSTATUS(status), 42);
}

void TestSystem::terminalIsRecognised()
{
    int ends[2];
    QVERIFY(::pipe(ends) == 0);
    QVERIFY(!isTerminal(ends[0]));
    QVERIFY(!isTerminal(-1));
    ::close(ends[0]);
    ::close(ends[1]);
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
    if (master >= 0) {
        QVERIFY(isTerminal(master));
        ::close(master);
    }
    QVERIFY(terminalWidth() > 0);
}

QTEST_GUILESS_MAIN(TestSystem)
#include "tst_system.moc"
