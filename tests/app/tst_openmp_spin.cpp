// SPDX-License-Identifier: GPL-3.0-or-later
// How long the idle OpenMP threads of both programs spin. libgomp itself says what it took: OMP_DISPLAY_ENV lets it print its settings
// on standard error when it is loaded.
#include "tests/app/cli_process.h"

#include "engine/base/openmp_wait.h"

#include <QRegularExpression>
#include <QTest>

namespace lorikeet::test {

class TestOpenMpSpin : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void idleThreadsSleepSoonUnlessTheUserSaysOtherwise_data();
    void idleThreadsSleepSoonUnlessTheUserSaysOtherwise();
    void theDoctorSaysIt_data();
    void theDoctorSaysIt();

private:
    static QProcessEnvironment environmentWith(const QString& folder, const QString& variable);

    QTemporaryDir m_folder;
};

/// This test's own environment without what ctest sets, and with "NAME=value".
QProcessEnvironment TestOpenMpSpin::environmentWith(const QString& folder, const QString& variable)
{
    QProcessEnvironment environment = cliEnvironment(folder);
    environment.remove("OMP_WAIT_POLICY");
    environment.remove("GOMP_SPINCOUNT");
    environment.insert("USER", "somebody");
    if (!variable.isEmpty())
        environment.insert(variable.section('=', 0, 0), variable.section('=', 1));
    return environment;
}

void TestOpenMpSpin::idleThreadsSleepSoonUnlessTheUserSaysOtherwise_data()
{
    QTest::addColumn<QString>("program");
    QTest::addColumn<QString>("variable");
    QTest::addColumn<qlonglong>("spins");
    QStringList programs{cliPath()};
#ifdef LORIKEET_STUDIO
    programs << QStringLiteral(LORIKEET_STUDIO);
#endif
    for (const QString& program : programs) {
        const auto row = [&](const char* name, const char* variable, qlonglong spins) {
            QTest::addRow("%s, %s", qPrintable(QFileInfo(program).fileName()), name) << program << QString(variable) << spins;
        };
        row("nothing set", "", kOpenMpSpinLimit);
        row("spin count", "GOMP_SPINCOUNT=777", 777);
        // libgomp's documentation: passive does not spin, active spins practically for ever.
        row("passive", "OMP_WAIT_POLICY=passive", 0);
        row("active", "OMP_WAIT_POLICY=active", 30000000000);
    }
}

void TestOpenMpSpin::idleThreadsSleepSoonUnlessTheUserSaysOtherwise()
{
    QFETCH(QString, program);
    QFETCH(QString, variable);
    QFETCH(qlonglong, spins);
    QProcessEnvironment environment = environmentWith(m_folder.path(), variable);
    environment.insert("OMP_DISPLAY_ENV", "verbose");
    QProcess process;
    process.setProcessEnvironment(environment);
    process.start(program, {"--version"});
    QVERIFY(process.waitForFinished(60000));
    QCOMPARE(process.exitCode(), 0);
    const QString said = QString::fromUtf8(process.readAllStandardError());
    const auto match = QRegularExpression("GOMP_SPINCOUNT = '(\\d+)'").match(said);
    QVERIFY2(match.hasMatch(), qPrintable(said));
    QCOMPARE(match.captured(1).toLongLong(), spins);
}

void TestOpenMpSpin::theDoctorSaysIt_data()
{
    QTest::addColumn<QString>("variable");
    QTest::addColumn<QString>("words");
    QTest::newRow("nothing set") << QString() << QStringLiteral("spin limit %1").arg(kOpenMpSpinLimit);
    QTest::newRow("policy") << QStringLiteral("OMP_WAIT_POLICY=passive") << QStringLiteral("OMP_WAIT_POLICY=passive");
}

void TestOpenMpSpin::theDoctorSaysIt()
{
    QFETCH(QString, variable);
    QFETCH(QString, words);
    QProcess process;
    process.setProcessEnvironment(environmentWith(m_folder.path(), variable));
    process.start(cliPath(), {"doctor", "--json"});
    QVERIFY(process.waitForFinished(120000));
    const QJsonObject report = QJsonDocument::fromJson(process.readAllStandardOutput()).object();
    QJsonObject line;
    for (const QJsonValue& finding : report["findings"].toArray())
        if (finding["topic"].toString() == "OpenMP")
            line = finding.toObject();
    QCOMPARE(line["state"].toString(), "good");
    QVERIFY2(line["finding"].toString().contains(words), qPrintable(line["finding"].toString()));
}

}  // namespace lorikeet::test

QTEST_GUILESS_MAIN(lorikeet::test::TestOpenMpSpin)
#include "tst_openmp_spin.moc"
