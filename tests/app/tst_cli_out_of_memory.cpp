// SPDX-License-Identifier: GPL-3.0-or-later
// Memory runs out at many places of a run (a preloaded library fails the N-th allocation and those after it): the program says so with
// what, how much and what to do, ends with exit code 4, and what it had kept can be gone on with. A job that is planned not to fit is
// refused before its weights are read.
#include "tests/app/cli_process.h"

#include <QElapsedTimer>
#include <QTest>

namespace lorikeet::test {

namespace {

constexpr int kPoints = 24;
/// Smaller ones come out of what the heap has at hand.
constexpr int kLargeBytes = 2048;
constexpr int kSmallBytes = 64;

/// Where the program's JSON values are destroyed: nlohmann/json allocates there, in a destructor, which ends the process where it fails.
QString functionsThatCannotDoWithout()
{
    QProcess names;
    names.start("nm", {"-S", "--defined-only", cliPath()});
    QStringList ranges;
    if (!names.waitForFinished(60000) || names.exitCode() != 0)
        return {};
    for (const QByteArray& line : names.readAllStandardOutput().split('\n')) {
        const QList<QByteArray> parts = line.simplified().split(' ');
        if (parts.size() == 4 && parts[3].contains("json_value7destroy"))
            ranges << QString::fromLatin1(parts[0] + "-" + parts[1]);
    }
    return ranges.join(',');
}

}  // namespace

class TestCliOutOfMemory : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void memoryThatRunsOutEndsTheRunInOrder_data();
    void memoryThatRunsOutEndsTheRunInOrder();
    void mostSayHowMuch() { QVERIFY2(m_saidHowMuch >= kPoints, qPrintable(QString::number(m_saidHowMuch))); }
    void whatDoesNotFitIsRefusedBeforeTheWeights();

private:
    CliResult train(const QString& run, int above, long failAt, bool once, long* counted = nullptr);

    QTemporaryDir m_folder;
    QString m_helpless;
    int m_saidHowMuch = 0;
    long m_allocations[2] = {0, 0};  ///< of a whole run, above kLargeBytes and kSmallBytes
};

CliResult TestCliOutOfMemory::train(const QString& run, int above, long failAt, bool once, long* counted)
{
    QProcess process;
    QProcessEnvironment environment = cliEnvironment(m_folder.path());
    environment.insert("LD_PRELOAD", LORIKEET_FAILING_MALLOC);
    environment.insert("LORIKEET_FAIL_ABOVE", QString::number(above));
    environment.insert("LORIKEET_HELPLESS", m_helpless);
    if (failAt > 0)
        environment.insert("LORIKEET_FAIL_AT", QString::number(failAt));
    if (once)
        environment.insert("LORIKEET_FAIL_ONCE", "1");
    if (counted)
        environment.insert("LORIKEET_FAIL_COUNT", m_folder.filePath("count"));
    process.setWorkingDirectory(m_folder.path());
    process.setProcessEnvironment(environment);
    process.start(cliPath(), {"train", "job.lorikeet.json", "--json", "--out", run});
    CliResult result;
    if (!process.waitForFinished(60000)) {
        process.kill();
        process.waitForFinished();
        return result;
    }
    result.crashed = process.exitStatus() != QProcess::NormalExit;
    result.code = process.exitCode();
    result.out = process.readAllStandardOutput();
    result.err = process.readAllStandardError();
    if (counted)
        *counted = readFile(m_folder.filePath("count")).trimmed().toLong();
    return result;
}

void TestCliOutOfMemory::initTestCase()
{
    m_helpless = functionsThatCannotDoWithout();
    QVERIFY2(!m_helpless.isEmpty(), "nm (binutils) must find where JSON values are destroyed");
    const QString problem = makeTinyJob(m_folder.path(), {"run.save_every=2", "run.eval_every=3", "recipe.epochs=2", "run.sample_prompt=hello",
                                                          "run.sample_tokens=4", "recipe.max_steps=6"});
    QVERIFY2(problem.isEmpty(), qPrintable(problem));
    for (int i = 0; i < 2; ++i) {
        const CliResult whole = train(QString("whole-%1").arg(i), i == 0 ? kLargeBytes : kSmallBytes, 0, false, &m_allocations[i]);
        QVERIFY2(whole.code == 0, whole.err.constData());
        qInfo("%ld allocations of at least %d bytes", m_allocations[i], i == 0 ? kLargeBytes : kSmallBytes);
        QVERIFY(m_allocations[i] > 2 * kPoints);
    }
}

void TestCliOutOfMemory::memoryThatRunsOutEndsTheRunInOrder_data()
{
    QTest::addColumn<int>("above");
    QTest::addColumn<bool>("once");
    QTest::addColumn<long>("failAt");
    for (int i = 0; i < kPoints; ++i)
        QTest::addRow("large ones from %d/%d", i, kPoints) << kLargeBytes << false << 1 + m_allocations[0] * i / kPoints;
    for (int i = 0; i < kPoints; ++i)
        QTest::addRow("one of any size at %d/%d", i, kPoints) << kSmallBytes << true << 1 + m_allocations[1] * i / kPoints;
}

void TestCliOutOfMemory::memoryThatRunsOutEndsTheRunInOrder()
{
    QFETCH(int, above);
    QFETCH(bool, once);
    QFETCH(long, failAt);
    static int number = 0;
    const QString run = QString("run-%1").arg(++number);
    const CliResult result = train(run, above, failAt, once);
    QVERIFY2(!result.crashed, result.err.constData());
    // One small allocation may be one that a library can do without.
    if (once && result.code == 0)
        return;
    QVERIFY2(result.code == 4, (QByteArray::number(result.code) + " " + result.err).constData());
    QVERIFY2(result.err.contains("memory"), result.err.constData());
    m_saidHowMuch += result.err.contains("this process holds") ? 1 : 0;
    QStringList checkpoints = QDir(m_folder.filePath(run + "/checkpoints")).entryList({"step-*"}, QDir::Dirs);
    checkpoints.removeAll("step-0");
    const bool hadCheckpoint = !checkpoints.isEmpty();
    const CliResult resumed = runCli(m_folder.path(), {"train", "job.lorikeet.json", "--json", "--out", run, "--resume"});
    QVERIFY2(resumed.code == 0, resumed.err.constData());
    qInfo("%s%s", result.err.constData(), hadCheckpoint ? " [checkpoint]" : " [none yet]");
    if (hadCheckpoint)
        QVERIFY2(!resumed.out.contains("\"first_step\":0"), resumed.out.constData());
}

void TestCliOutOfMemory::whatDoesNotFitIsRefusedBeforeTheWeights()
{
    QVERIFY(QFile::copy(m_folder.filePath("job.lorikeet.json"), m_folder.filePath("large.lorikeet.json")));
    const CliResult result = runCli(m_folder.path(), {"train", "large.lorikeet.json", "--json", "--out", "large", "--set", "recipe.context=512", "--set",
                                                      "recipe.micro_batch=4096", "--set", "recipe.recompute=0", "--set", "recipe.rank=1024"});
    QVERIFY2(result.code == 4, (QByteArray::number(result.code) + " " + result.err).constData());
    QVERIFY(!result.crashed);
    QVERIFY2(result.err.contains("the job needs") && result.err.contains("can give"), result.err.constData());
    QVERIFY(!result.out.contains("loading weights") && !result.err.contains("loading weights"));
    QVERIFY(!QFile::exists(m_folder.filePath("large")));
}

}  // namespace lorikeet::test

QTEST_GUILESS_MAIN(lorikeet::test::TestCliOutOfMemory)
#include "tst_cli_out_of_memory.moc"
