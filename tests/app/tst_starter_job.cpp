// SPDX-License-Identifier: GPL-3.0-or-later
// The main job, as a newcomer runs it: the starter model learns the form of the starter data set, and one sees it in its answers.
#include "tests/app/cli_process.h"

#include <QElapsedTimer>
#include <QTest>

namespace lorikeet::test {

class TestStarterJob : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void validationLossFallsByAQuarter();
    void theAdapterAnswersInTheTaughtForm();
    void theBaseDoesNot();

private:
    /// Answers of all held-out prompts, written for check_answers.py.
    QString answer(const QString& name, const QStringList& more);
    /// Runs check_answers.py; prints what it says.
    static int judge(const QString& answers, const QStringList& bound);

    QTemporaryDir m_folder;
    QJsonObject m_ended;
};

void TestStarterJob::initTestCase()
{
    QVERIFY2(QFile::exists(QStringLiteral(LORIKEET_STARTER_MODEL)), "the starter model has not been fetched");
    QElapsedTimer watch;
    watch.start();
    const CliResult result = runCli(m_folder.path(), {"train", QStringLiteral(LORIKEET_SOURCE_DIR "/resources/starter/starter.lorikeet.json"), "--out", "run", "--json"},
                                    {}, 1200);
    QVERIFY2(result.code == 0, result.err);
    const double seconds = static_cast<double>(watch.elapsed()) / 1000;
    m_ended = result.objects().constLast();
    qInfo("starter job: %.1f s from start to adapter (goal on two free cores: 120 s), validation loss %.4f -> %.4f", seconds,
          m_ended["validation_loss_before"].toDouble(), m_ended["validation_loss_after"].toDouble());
#ifdef NDEBUG
    // The test runs alone; other work on the machine counts against it, and there is room for that: a quiet one takes a third.
    QVERIFY2(seconds <= 120, qPrintable(QStringLiteral("the main job took %1 s, promised are 120 s on two cores").arg(seconds)));
#endif
}

void TestStarterJob::validationLossFallsByAQuarter()
{
    const double before = m_ended["validation_loss_before"].toDouble();
    const double after = m_ended["validation_loss_after"].toDouble();
    QVERIFY(before > 0 && after > 0);
    QVERIFY2(after <= 0.75 * before, qPrintable(QString("%1 -> %2").arg(before).arg(after)));
}

QString TestStarterJob::answer(const QString& name, const QStringList& more)
{
    const QJsonObject prompts = QJsonDocument::fromJson(readFile(QStringLiteral(LORIKEET_SOURCE_DIR "/resources/starter/prompts.json"))).object();
    QByteArray lines;
    for (const QJsonValue& prompt : prompts["prompts"].toArray()) {
        const CliResult result = runCli(m_folder.path(), QStringList{"generate", "starter", "--prompt", prompt.toString(), "--max-tokens", "128",
                                                                     "--temperature", "0", "--json"} + more, {}, 300);
        if (result.code != 0)
            return {};
        lines += QJsonDocument(QJsonObject{{"prompt", prompt}, {"answer", result.objects().value(0)["text"]}}).toJson(QJsonDocument::Compact) + "\n";
    }
    return writeFile(m_folder.filePath(name), lines) ? m_folder.filePath(name) : QString();
}

int TestStarterJob::judge(const QString& answers, const QStringList& bound)
{
    QProcess check;
    check.setProcessChannelMode(QProcess::MergedChannels);
    check.start(QStringLiteral(LORIKEET_PYTHON), QStringList{QStringLiteral(LORIKEET_SOURCE_DIR "/resources/starter/check_answers.py"), answers} + bound);
    if (!check.waitForFinished(60000))
        return -1;
    qInfo("%s", check.readAll().trimmed().constData());
    return check.exitStatus() == QProcess::NormalExit ? check.exitCode() : -1;
}

void TestStarterJob::theAdapterAnswersInTheTaughtForm()
{
    const CliResult exported = runCli(m_folder.path(), {"export", "run", "--to", "peft", "-o", "adapter"});
    QVERIFY2(exported.code == 0, exported.err);
    const QString answers = answer("adapter.jsonl", {"--adapter", "adapter"});
    QVERIFY(!answers.isEmpty());
    QCOMPARE(judge(answers, {"--at-least", "8"}), 0);
}

void TestStarterJob::theBaseDoesNot()
{
    const QString answers = answer("base.jsonl", {});
    QVERIFY(!answers.isEmpty());
    QCOMPARE(judge(answers, {"--at-most", "1"}), 0);
}

}  // namespace lorikeet::test

QTEST_GUILESS_MAIN(lorikeet::test::TestStarterJob)
#include "tst_starter_job.moc"
