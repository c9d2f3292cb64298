// SPDX-License-Identifier: GPL-3.0-or-later
// The environment that the code before main borrows from is whole again in main, and a user's own setting is found. That libgomp takes
// the setting is seen in app/tst_openmp_spin, from the real programs.
#include "engine/base/openmp_wait.h"

#include <QProcess>
#include <QtTest>

#include <cstdio>

#include <unistd.h>

using namespace lorikeet;

namespace {

/// What this program prints as a child: what is in force, then its environment.
int report()
{
    const OpenMpWait wait = openMpWait();
    std::printf("%d %s\n", static_cast<int>(wait.source), wait.setting.c_str());
    for (char** entry = environ; *entry != nullptr; ++entry)
        std::puts(*entry);
    return 0;
}

}  // namespace

class TestOpenMpWait : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void theEnvironmentIsWholeInMain_data();
    void theEnvironmentIsWholeInMain();
};

void TestOpenMpWait::theEnvironmentIsWholeInMain_data()
{
    QTest::addColumn<QStringList>("variables");
    QTest::addColumn<OpenMpWait::Source>("source");
    QTest::addColumn<QByteArray>("setting");
    const QByteArray own = "GOMP_SPINCOUNT=" + QByteArray::number(kOpenMpSpinLimit);
    QTest::newRow("shell") << QStringList{"HOME=/", "PWD=/tmp", "_=/bin/x"} << OpenMpWait::Source::Program << own;
    QTest::newRow("the lender stands last") << QStringList{"HOME=/", "USER=somebody"} << OpenMpWait::Source::Program << own;
    QTest::newRow("an empty lender") << QStringList{"OLDPWD=", "HOME=/"} << OpenMpWait::Source::Program << own;
    QTest::newRow("system service") << QStringList{"LANG=C", "INVOCATION_ID=0123"} << OpenMpWait::Source::Program << own;
    QTest::newRow("spin count of the user") << QStringList{"PWD=/", "GOMP_SPINCOUNT=77"} << OpenMpWait::Source::User << QByteArray("GOMP_SPINCOUNT=77");
    QTest::newRow("policy of the user") << QStringList{"OMP_WAIT_POLICY=active", "PWD=/"} << OpenMpWait::Source::User << QByteArray("OMP_WAIT_POLICY=active");
    QTest::newRow("names alike") << QStringList{"OMP_WAIT_POLICY_=active", "MY_GOMP_SPINCOUNT=1", "PWD=/"} << OpenMpWait::Source::Program << own;
    QTest::newRow("nothing to borrow") << QStringList{"HOME=/", "MY_PWD=/"} << OpenMpWait::Source::Library << QByteArray();
    QTest::newRow("empty") << QStringList{} << OpenMpWait::Source::Library << QByteArray();
}

void TestOpenMpWait::theEnvironmentIsWholeInMain()
{
    QFETCH(QStringList, variables);
    QFETCH(OpenMpWait::Source, source);
    QFETCH(QByteArray, setting);
    // `env -i` and not QProcessEnvironment, which takes an empty one for the parent's and sorts.
    QProcess child;
    child.start("env", QStringList{"-i"} + variables + QStringList{QCoreApplication::applicationFilePath(), "--report"});
    QVERIFY(child.waitForFinished());
    QCOMPARE(child.exitCode(), 0);
    QList<QByteArray> lines = child.readAllStandardOutput().trimmed().split('\n');
    QCOMPARE(lines.takeFirst().trimmed(), (QByteArray::number(static_cast<int>(source)) + " " + setting).trimmed());
    QCOMPARE(lines, variables.join('\n').toUtf8().split('\n').mid(variables.isEmpty() ? 1 : 0));
}

int main(int argc, char** argv)
{
    keepOpenMpWaitShort();
    if (argc > 1 && std::string(argv[1]) == "--report")
        return report();
    QCoreApplication application(argc, argv);
    TestOpenMpWait test;
    return QTest::qExec(&test, argc, argv);
}

#include "tst_openmp_wait.moc"
