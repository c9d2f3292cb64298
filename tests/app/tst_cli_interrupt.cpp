// SPDX-License-Identifier: GPL-3.0-or-later
// Ctrl-C in the verbs that are not training (tst_cli_resume has that): they end with 130 within a moment and leave nothing half-written.
#include "tests/app/cli_process.h"

#include <QElapsedTimer>
#include <QTest>
#include <QThread>

#include <algorithm>
#include <csignal>

namespace lorikeet::test {

namespace {
constexpr int kMoments = 8;
/// Work that goes on ends with another code; this is for what hangs, on a machine that may be busy (alone it takes a tenth of a second).
constexpr qint64 kSoonMs = 10000;
}  // namespace

class TestCliInterrupt : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void workInItsMiddleStopsSoon_data();
    void workInItsMiddleStopsSoon();
    void waitingForInputStopsSoon_data();
    void waitingForInputStopsSoon();
    void linesAreAnsweredWhileTheInputStaysOpen();
    void anExportIsThereWholeOrNotAtAll();

private:
    [[nodiscard]] QString at(const QString& name) const { return m_folder.filePath(name); }
    /// Starts it and waits until it has taken the signal over (before that the system itself ends a process), or has ended.
    void start(QProcess& process, const QStringList& arguments) const;
    /// Sends Ctrl-C; returns the exit code, -1 when the process did not end within `kSoonMs`.
    static int interrupt(QProcess& process);

    QTemporaryDir m_folder;
    QByteArray m_adapter;
    qint64 m_exportMs = 0;
};

void TestCliInterrupt::start(QProcess& process, const QStringList& arguments) const
{
    process.setWorkingDirectory(m_folder.path());
    process.setProcessEnvironment(cliEnvironment(m_folder.path()));
    process.start(cliPath(), arguments);
    QVERIFY(process.waitForStarted());
    const QString status = QString("/proc/%1/status").arg(process.processId());
    const auto listens = [&] {
        if (process.state() == QProcess::NotRunning)
            return true;
        for (const QByteArray& line : readFile(status).split('\n'))
            if (line.startsWith("SigCgt:"))
                return ((line.mid(7).trimmed().toULongLong(nullptr, 16) >> (SIGINT - 1)) & 1U) != 0;
        return false;
    };
    QElapsedTimer watch;
    watch.start();
    while (!listens() && watch.elapsed() < 20000)
        process.waitForFinished(1);
    QVERIFY(listens());
}

int TestCliInterrupt::interrupt(QProcess& process)
{
    if (const auto id = static_cast<pid_t>(process.processId()); id > 0)
        ::kill(id, SIGINT);
    QElapsedTimer watch;
    watch.start();
    if (!process.waitForFinished(30000))
        process.kill();
    if (watch.elapsed() > kSoonMs || process.exitStatus() != QProcess::NormalExit)
        return -1;
    return process.exitCode();
}

void TestCliInterrupt::initTestCase()
{
    QVERIFY2(QFile::exists(QStringLiteral(LORIKEET_STARTER_MODEL)), "the starter model has not been fetched");
    const QString problem = makeTinyJob(m_folder.path(), {"recipe.max_steps=2"});
    QVERIFY2(problem.isEmpty(), qPrintable(problem));
    QByteArray rows;
    for (int i = 0; i < 8000; ++i)
        rows += tinyRows();
    QVERIFY(writeFile(at("big.jsonl"), rows));
    QCOMPARE(runCli(m_folder.path(), {"train", "job.lorikeet.json", "--out", "run"}).code, 0);
    QElapsedTimer watch;
    watch.start();
    const CliResult whole = runCli(m_folder.path(), {"export", "run", "--to", "peft", "-o", "whole"});
    QVERIFY2(whole.code == 0, whole.err);
    m_exportMs = watch.elapsed();
    m_adapter = sha256(at("whole/adapter_model.safetensors"));
}

void TestCliInterrupt::workInItsMiddleStopsSoon_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<int>("afterMs");
    const QStringList answer{"generate", "starter", "--prompt", "Count to a million.", "--max-tokens", "4000", "--temperature", "1"};
    QTest::newRow("reading a data set") << QStringList{"inspect", "big.jsonl"} << 150;
    QTest::newRow("checking a job") << QStringList{"job", "check", "job.lorikeet.json", "--set", "data.path=big.jsonl"} << 300;
    QTest::newRow("loading a model") << answer << 100;
    QTest::newRow("answering") << answer << 0;
    QTest::newRow("logits") << QStringList{"logits", "starter", "--tokens", QString("5,").repeated(3999) + "5", "-o", "l.safetensors"} << 1000;
    QTest::newRow("measuring") << QStringList{"bench", "step", "--steps", "1000", "--set", "recipe.context=64", "recipe.micro_batch=1"} << 3000;
}

void TestCliInterrupt::workInItsMiddleStopsSoon()
{
    QFETCH(QStringList, arguments);
    QFETCH(int, afterMs);
    QProcess process;
    start(process, arguments);
    // Without a time: as soon as it says something.
    if (afterMs == 0)
        QVERIFY(process.waitForReadyRead(30000));
    else
        QVERIFY2(!process.waitForFinished(afterMs), "the work was done before it could be interrupted: this test needs more of it");
    QCOMPARE(interrupt(process), 130);
    QVERIFY(!QFile::exists(at("l.safetensors")));
    const QByteArray err = process.readAllStandardError();
    QVERIFY2(err.isEmpty() || err == "lorikeet-cli: stopped\n", err);
}

void TestCliInterrupt::waitingForInputStopsSoon_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::newRow("tokenize") << QStringList{"tokenize", "model"};
    QTest::newRow("tokenize --lines") << QStringList{"tokenize", "model", "--lines"};
    QTest::newRow("generate -") << QStringList{"generate", "model", "--prompt", "-"};
}

void TestCliInterrupt::waitingForInputStopsSoon()
{
    // Nobody closes standard input: so it is when one forgets the "< file".
    QFETCH(QStringList, arguments);
    QProcess process;
    start(process, arguments);
    QVERIFY2(!process.waitForFinished(300), process.readAllStandardError());
    QCOMPARE(interrupt(process), 130);
}

void TestCliInterrupt::linesAreAnsweredWhileTheInputStaysOpen()
{
    QProcess process;
    start(process, {"tokenize", "model", "--lines"});
    process.write("\"one\"\n\n\"two");
    QTRY_COMPARE_WITH_TIMEOUT(process.bytesToWrite(), 0, 10000);
    QByteArray out;
    QTRY_VERIFY_WITH_TIMEOUT((out += process.readAllStandardOutput()).endsWith('\n'), 10000);
    QCOMPARE(out.count('\n'), 1);
    process.write("\"\n\"three\"");
    process.closeWriteChannel();
    QVERIFY(process.waitForFinished(10000));
    QVERIFY2(process.exitCode() == 0, process.readAllStandardError());
    out += process.readAllStandardOutput();
    QCOMPARE(out.count('\n'), 3);
    QCOMPARE(out, runCli(m_folder.path(), {"tokenize", "model", "--lines"}, "\"one\"\n\n\"two\"\n\"three\"\n").out);
}

void TestCliInterrupt::anExportIsThereWholeOrNotAtAll()
{
    int stopped = 0;
    for (int moment = 0; moment < kMoments; ++moment) {
        const QString target = QString("export-%1").arg(moment);
        QProcess process;
        start(process, {"export", "run", "--to", "peft", "-o", target});
        QThread::msleep(static_cast<unsigned long>(m_exportMs * moment / kMoments));
        const int code = interrupt(process);
        // Behind the last line of main the signal is the system's again: -1, and the export is there.
        stopped += code == 130 ? 1 : 0;
        QVERIFY2(code == 130 || QFile::exists(at(target)), process.readAllStandardError() + QByteArray::number(code));
        if (QFile::exists(at(target))) {
            QCOMPARE(sha256(at(target + "/adapter_model.safetensors")), m_adapter);
            QCOMPARE(QDir(at(target)).entryList(QDir::Files), QDir(at("whole")).entryList(QDir::Files));
        }
    }
    QVERIFY2(stopped > 0, "no moment was early enough");
    const QStringList left = QDir(m_folder.path()).entryList({"*tmp*", ".*"}, QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot);
    QVERIFY2(left.isEmpty(), qPrintable(left.join(' ')));
}

}  // namespace lorikeet::test

QTEST_GUILESS_MAIN(lorikeet::test::TestCliInterrupt)
#include "tst_cli_interrupt.moc"
