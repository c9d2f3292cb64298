// SPDX-License-Identifier: GPL-3.0-or-later
// A run that is interrupted, terminated or killed at any moment goes on as if it had never been stopped, bit for bit.
#include "tests/app/cli_process.h"

#include <QElapsedTimer>
#include <QRandomGenerator>
#include <QTest>
#include <QThread>

#include <csignal>
#include <functional>

namespace lorikeet::test {

namespace {

constexpr int kKills = 24;

/// What a run learnt: every step's and evaluation's numbers but its times. Doubles are written so that they read back the same.
QStringList lessons(const QString& runFolder)
{
    QStringList list;
    for (const QByteArray& line : readFile(runFolder + "/events.jsonl").split('\n')) {
        const QJsonObject event = QJsonDocument::fromJson(line).object();
        const QString kind = event["event"].toString();
        if (kind == "step")
            list << QString("step %1 %2 %3 %4 %5").arg(event["step"].toInt()).arg(event["loss"].toDouble(), 0, 'g', 17).arg(event["lr"].toDouble(), 0, 'g', 17)
                        .arg(event["grad_norm"].toDouble(), 0, 'g', 17).arg(event["total_tokens"].toInt());
        else if (kind == "eval")
            list << QString("eval %1 %2").arg(event["step"].toInt()).arg(event["loss"].toDouble(), 0, 'g', 17);
    }
    return list;
}

}  // namespace

class TestCliResume : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void signalsStopAndKeep_data();
    void signalsStopAndKeep();
    void aSecondInterruptQuitsAtOnce();
    void moreEpochsMayBeAdded();
    void aChangedFieldIsRefused();
    void changedDataAreRefused();
    void aDamagedCheckpointIsPassedOver();
    void killedAtRandomMomentsItGoesOn_data();
    void killedAtRandomMomentsItGoesOn();

private:
    /// Starts a run, waits until a line of its events holds `marker` (or `afterMs` passed), sends the signal, returns the exit code.
    int interrupt(const QString& run, const QByteArray& marker, int afterMs, int signal, const QStringList& more, QByteArray& err);
    void requireSameAsNeverStopped(const QString& run);
    CliResult resume(const QString& run) { return runCli(m_folder.path(), {"train", "job.lorikeet.json", "--out", run, "--resume"}); }

    QTemporaryDir m_folder;
    QStringList m_lessons;
    QByteArray m_adapter;
    qint64 m_wholeMs = 0;
};

void TestCliResume::initTestCase()
{
    const QString problem = makeTinyJob(m_folder.path(), {"run.save_every=4", "run.eval_every=6", "recipe.dropout=0.1", "recipe.epochs=3"});
    QVERIFY2(problem.isEmpty(), qPrintable(problem));
    QElapsedTimer watch;
    watch.start();
    const CliResult whole = runCli(m_folder.path(), {"train", "job.lorikeet.json", "--out", "whole"});
    QVERIFY2(whole.code == 0, whole.err);
    m_wholeMs = watch.elapsed();
    m_lessons = lessons(m_folder.filePath("whole"));
    m_adapter = sha256(m_folder.filePath("whole/adapter/adapter_model.safetensors"));
    QVERIFY(m_lessons.size() > 40);
    // The comparison can fail: another seed gives other numbers.
    const CliResult other = runCli(m_folder.path(), {"train", "job.lorikeet.json", "--out", "other", "--set", "recipe.seed=43"});
    QVERIFY2(other.code == 0, other.err);
    QVERIFY(lessons(m_folder.filePath("other")) != m_lessons);
    QVERIFY(sha256(m_folder.filePath("other/adapter/adapter_model.safetensors")) != m_adapter);
}

int TestCliResume::interrupt(const QString& run, const QByteArray& marker, int afterMs, int signal, const QStringList& more, QByteArray& err)
{
    QProcess process;
    process.setWorkingDirectory(m_folder.path());
    process.setProcessEnvironment(cliEnvironment(m_folder.path()));
    process.start(cliPath(), QStringList{"train", "job.lorikeet.json", "--out", run, "--json"} + more);
    if (!process.waitForStarted())
        return -1;
    QByteArray seen;
    while (!marker.isEmpty() && !seen.contains(marker) && process.state() == QProcess::Running) {
        process.waitForReadyRead(20);
        seen += process.readAllStandardOutput();
    }
    QThread::msleep(static_cast<unsigned long>(afterMs));
    // Without a process its id is 0, which would mean this test and everything around it.
    if (const auto id = static_cast<pid_t>(process.processId()); id > 0)
        ::kill(id, signal);
    if (!process.waitForFinished(60000))
        return -1;
    err = process.readAllStandardError();
    return process.exitStatus() == QProcess::NormalExit ? process.exitCode() : 128 + signal;
}

void TestCliResume::requireSameAsNeverStopped(const QString& run)
{
    QCOMPARE(lessons(m_folder.filePath(run)), m_lessons);
    QCOMPARE(sha256(m_folder.filePath(run + "/adapter/adapter_model.safetensors")), m_adapter);
    // Nothing half-written stays behind.
    for (const QString& entry : QDir(m_folder.filePath(run)).entryList(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot))
        QVERIFY2(QStringList({"run.json", "run.lock", "events.jsonl", "checkpoints", "adapter"}).contains(entry), qPrintable(entry));
}

void TestCliResume::signalsStopAndKeep_data()
{
    QTest::addColumn<int>("signal");
    QTest::addColumn<QByteArray>("marker");
    QTest::addColumn<int>("afterMs");
    QTest::newRow("at the start") << SIGINT << QByteArray() << 60;
    QTest::newRow("while loading") << SIGINT << QByteArray("\"starting\"") << 0;
    QTest::newRow("first evaluation") << SIGINT << QByteArray("\"started\"") << 0;
    QTest::newRow("while training") << SIGINT << QByteArray("\"step\":9,") << 0;
    QTest::newRow("at an evaluation") << SIGINT << QByteArray("\"event\":\"step\",\"step\":12,") << 0;
    QTest::newRow("terminated") << SIGTERM << QByteArray("\"step\":16,") << 0;
}

void TestCliResume::signalsStopAndKeep()
{
    QFETCH(int, signal);
    QFETCH(QByteArray, marker);
    QFETCH(int, afterMs);
    const QString run = QString("signal-%1").arg(QString::fromUtf8(QTest::currentDataTag()).replace(' ', '-'));
    QByteArray err;
    const int code = interrupt(run, marker, afterMs, signal, {}, err);
    QVERIFY2(code == 128 + signal, err + QByteArray::number(code));
    const CliResult resumed = resume(run);
    QVERIFY2(resumed.code == 0, resumed.err);
    requireSameAsNeverStopped(run);
}

void TestCliResume::aSecondInterruptQuitsAtOnce()
{
    QProcess process;
    process.setWorkingDirectory(m_folder.path());
    process.setProcessEnvironment(cliEnvironment(m_folder.path()));
    process.start(cliPath(), {"train", "job.lorikeet.json", "--out", "twice", "--json"});
    QVERIFY(process.waitForStarted());
    while (process.waitForReadyRead(20000) && !process.readAllStandardOutput().contains("\"event\":\"step\"")) {
    }
    const auto id = static_cast<pid_t>(process.processId());
    QVERIFY2(id > 0, "the run ended before it could be interrupted");
    ::kill(id, SIGINT);
    ::kill(id, SIGINT);
    QVERIFY(process.waitForFinished(20000));
    QCOMPARE(process.exitCode(), 130);
    const CliResult resumed = resume("twice");
    QVERIFY2(resumed.code == 0, resumed.err);
    requireSameAsNeverStopped("twice");
}

void TestCliResume::moreEpochsMayBeAdded()
{
    const QStringList shorter{"train", "job.lorikeet.json", "--out", "longer", "--set", "recipe.max_steps=5"};
    QCOMPARE(runCli(m_folder.path(), shorter).code, 0);
    const CliResult resumed = runCli(m_folder.path(), {"train", "job.lorikeet.json", "--out", "longer", "--resume", "--set", "recipe.max_steps=9", "--json"});
    QVERIFY2(resumed.code == 0, resumed.err);
    QCOMPARE(resumed.objects().constLast()["step"].toInt(), 9);
}

void TestCliResume::aChangedFieldIsRefused()
{
    const CliResult refused = runCli(m_folder.path(), {"train", "job.lorikeet.json", "--out", "whole", "--resume", "--set", "recipe.learning_rate=0.02"});
    QVERIFY2(refused.code == 2, refused.err);
    QVERIFY2(refused.err.contains("recipe.learning_rate"), refused.err);
    QCOMPARE(lessons(m_folder.filePath("whole")), m_lessons);
}

void TestCliResume::changedDataAreRefused()
{
    const QByteArray before = tinyRows();
    QByteArray changed = before;
    changed[static_cast<qsizetype>(changed.indexOf("short"))] = 'S';
    QVERIFY(writeFile(m_folder.filePath("data.jsonl"), changed));
    const CliResult refused = resume("whole");
    QVERIFY(writeFile(m_folder.filePath("data.jsonl"), before));
    QVERIFY2(refused.code == 3, refused.err);
    QVERIFY2(refused.err.contains("data.jsonl"), refused.err);
}

void TestCliResume::aDamagedCheckpointIsPassedOver()
{
    QByteArray err;
    QCOMPARE(interrupt("damaged", "\"step\":14,", 0, SIGINT, {}, err), 130);
    QDir checkpoints(m_folder.filePath("damaged/checkpoints"));
    int newest = 0;
    for (const QString& name : checkpoints.entryList(QDir::Dirs | QDir::NoDotAndDotDot))
        newest = std::max(newest, name.section('-', 1).toInt());
    QVERIFY(QFile::resize(checkpoints.filePath(QString("step-%1/state.safetensors").arg(newest)), 100));
    const CliResult resumed = resume("damaged");
    QVERIFY2(resumed.code == 0, resumed.err);
    QVERIFY2(resumed.out.contains("passed over"), resumed.out);
    requireSameAsNeverStopped("damaged");
}

void TestCliResume::killedAtRandomMomentsItGoesOn_data()
{
    QTest::addColumn<int>("round");
    for (int round = 0; round < kKills; ++round)
        QTest::addRow("kill %d", round) << round;
}

void TestCliResume::killedAtRandomMomentsItGoesOn()
{
    QFETCH(int, round);
    // Anywhere from the start of the process to its end, so that loading, every kind of write and the export are met.
    QRandomGenerator random(20260107u + static_cast<quint32>(round));
    const QString run = QString("killed-%1").arg(round);
    QByteArray err;
    const int first = static_cast<int>(random.bounded(m_wholeMs));
    (void)interrupt(run, {}, first, SIGKILL, {}, err);
    // Every third one is killed again on its way.
    if (round % 3 == 0)
        (void)interrupt(run, {}, static_cast<int>(random.bounded(m_wholeMs)), SIGKILL, {"--resume"}, err);
    const CliResult resumed = resume(run);
    QVERIFY2(resumed.code == 0, resumed.err + " after " + QByteArray::number(first) + " ms");
    requireSameAsNeverStopped(run);
}

}  // namespace lorikeet::test

QTEST_GUILESS_MAIN(lorikeet::test::TestCliResume)
#include "tst_cli_resume.moc"
