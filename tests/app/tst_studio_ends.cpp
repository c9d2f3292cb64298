// SPDX-License-Identifier: GPL-3.0-or-later
// The studio as a process: a signal while a run goes on stops the run, keeps a checkpoint and says so in the exit code; a job that comes
// with the program is never written.
#include "tests/app/cli_process.h"

#include <QDirIterator>
#include <QTest>

#include <csignal>

namespace lorikeet::test {

class TestStudioEnds : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void aSignalStopsTheRunAndKeepsIt_data();
    void aSignalStopsTheRunAndKeepsIt();
    void aSignalEndsAnIdleWindow();

private:
    /// Starts the studio with a data folder of its own.
    [[nodiscard]] bool start(QProcess& studio, const QStringList& arguments) const;
    /// The events of the only run, or none yet.
    [[nodiscard]] QList<QJsonObject> events(const QString& dataHome) const;

    QTemporaryDir m_folder;
};

void TestStudioEnds::initTestCase()
{
    const QString problem = makeTinyJob(m_folder.path(), {QStringLiteral("recipe.epochs=10000"), QStringLiteral("run.eval_every=1000000")});
    QVERIFY2(problem.isEmpty(), qPrintable(problem));
}

bool TestStudioEnds::start(QProcess& studio, const QStringList& arguments) const
{
    studio.setProcessEnvironment(cliEnvironment(m_folder.filePath(QLatin1String(QTest::currentDataTag() == nullptr ? "idle" : QTest::currentDataTag()))));
    studio.setWorkingDirectory(m_folder.path());
    studio.setProcessChannelMode(QProcess::MergedChannels);
    studio.start(QStringLiteral(LORIKEET_STUDIO), arguments);
    return studio.waitForStarted();
}

QList<QJsonObject> TestStudioEnds::events(const QString& dataHome) const
{
    QList<QJsonObject> list;
    for (QDirIterator at(dataHome, {QStringLiteral("events.jsonl")}, QDir::Files, QDirIterator::Subdirectories); at.hasNext();)
        for (const QByteArray& line : readFile(at.next()).split('\n'))
            if (!line.isEmpty())
                list << QJsonDocument::fromJson(line).object();
    return list;
}

void TestStudioEnds::aSignalStopsTheRunAndKeepsIt_data()
{
    QTest::addColumn<int>("signal");
    QTest::addColumn<int>("code");
    QTest::newRow("terminated") << SIGTERM << 143;
    QTest::newRow("interrupted") << SIGINT << 130;
}

void TestStudioEnds::aSignalStopsTheRunAndKeepsIt()
{
    QFETCH(int, signal);
    QFETCH(int, code);
    const QString home = m_folder.filePath(QLatin1String(QTest::currentDataTag()));
    QProcess studio;
    QVERIFY(start(studio, {QStringLiteral("job.lorikeet.json"), QStringLiteral("--run")}));
    // Steps reach the disk in blocks: that the run has begun is enough, the checkpoint tells how far it came.
    QTRY_VERIFY_WITH_TIMEOUT(!events(home).isEmpty(), 60000);
    QTest::qWait(300);
    ::kill(static_cast<pid_t>(studio.processId()), signal);
    QVERIFY2(studio.waitForFinished(30000), "the studio did not end");
    const QByteArray said = studio.readAll();
    QVERIFY2(studio.exitStatus() == QProcess::NormalExit, said.constData());
    QVERIFY2(studio.exitCode() == code, said.constData());
    const QList<QJsonObject> all = events(home);
    QCOMPARE(all.constLast()["event"].toString(), QStringLiteral("ended"));
    QCOMPARE(all.constLast()["status"].toString(), QStringLiteral("stopped"));
    const int step = all.constLast()["step"].toInt();
    QVERIFY(step > 0);
    QDirIterator checkpoint(home, {QStringLiteral("step-%1").arg(step)}, QDir::Dirs, QDirIterator::Subdirectories);
    QVERIFY2(checkpoint.hasNext(), "no checkpoint of the last step");
    const QString folder = checkpoint.next();
    // A run that the studio kept goes on in the terminal.
    const CliResult inspected = runCli(m_folder.path(), {"inspect", QDir(folder + QStringLiteral("/../..")).canonicalPath(), "--json"});
    QVERIFY2(inspected.code == 0, inspected.err);
    QVERIFY(inspected.objects().value(0)["has_adapter"].toBool());
}

void TestStudioEnds::aSignalEndsAnIdleWindow()
{
    QProcess studio;
    QVERIFY(start(studio, {QStringLiteral("job.lorikeet.json")}));
    QTest::qWait(1500);
    QCOMPARE(studio.state(), QProcess::Running);
    studio.terminate();
    QVERIFY(studio.waitForFinished(10000));
    QCOMPARE(studio.exitStatus(), QProcess::NormalExit);
    QCOMPARE(studio.exitCode(), 143);
}

}  // namespace lorikeet::test

QTEST_GUILESS_MAIN(lorikeet::test::TestStudioEnds)
#include "tst_studio_ends.moc"
