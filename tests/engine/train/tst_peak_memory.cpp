// SPDX-License-Identifier: GPL-3.0-or-later
// What a whole training process takes at its peak, as the system counts it, against what the plan states. Each case is a process of its own:
// this program called again with a job.
#include "engine/base/system.h"
#include "engine/hardware/devices.h"
#include "engine/train/trainer.h"

#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <cstdio>
#include <cstring>

using namespace lorikeet;

namespace {

constexpr const char* kChild = "--train";

/// The child: a run of three steps with evaluation and checkpoint; prints plan and peak.
int trainHere(const char* folder, const char* precision, const char* recompute)
{
    Job job;
    job.model.path = LORIKEET_STARTER_MODEL;
    job.data.path = std::string(folder) + "/rows.jsonl";
    job.data.validationFraction = 0.1;
    job.recipe.precision = precision;
    job.recipe.recompute = recompute;
    job.recipe.context = 512;
    job.recipe.microBatch = 2;
    job.recipe.maxSteps = 3;
    job.run.threads = 2;
    job.run.saveEvery = 2;
    train::TrainerOptions options;
    options.job = job;
    options.modelPath = LORIKEET_STARTER_MODEL;
    options.device = hardware::probeCpu();
    options.runFolder = std::string(folder) + "/run";
    try {
        train::Trainer trainer(options, {});
        const train::TrainerResult result = trainer.run();
        std::printf("{\"plan\":%llu,\"peak\":%llu,\"steps\":%d}\n", static_cast<unsigned long long>(trainer.plan().totalBytes()),
                    static_cast<unsigned long long>(processMemory().peakResidentBytes), static_cast<int>(result.step));
        return 0;
    } catch (const Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}

}  // namespace

class TestPeakMemory : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void peakStaysByThePlan_data()
    {
        QTest::addColumn<QString>("precision");
        QTest::addColumn<QString>("recompute");
        for (const char* precision : {"fp32", "bf16"})
            for (const char* recompute : {"1", "3"})
                QTest::addRow("%s recompute %s", precision, recompute) << QString(precision) << QString(recompute);
    }
    void peakStaysByThePlan()
    {
        QFETCH(QString, precision);
        QFETCH(QString, recompute);
        QVERIFY2(QFile::exists(LORIKEET_STARTER_MODEL), "the starter model is missing: set LORIKEET_STARTER_MODEL");
        QTemporaryDir folder;
        writeRows(folder.filePath("rows.jsonl"));
        QProcess child;
        child.start(QCoreApplication::applicationFilePath(), {kChild, folder.path(), precision, recompute});
        QVERIFY(child.waitForFinished(280000));
        QVERIFY2(child.exitCode() == 0, child.readAllStandardError().constData());
        const QJsonObject report = QJsonDocument::fromJson(child.readAllStandardOutput()).object();
        QCOMPARE(report["steps"].toInt(), 3);
        const double plan = report["plan"].toDouble();
        const double peak = report["peak"].toDouble();
        const double mib = 1 << 20;
        qInfo("plan %.0f MiB, peak %.0f MiB (%+.1f %%)", plan / mib, peak / mib, 100 * (peak / plan - 1));
        QVERIFY(plan > 500 * mib);
        QVERIFY(std::abs(peak - plan) <= 0.10 * plan + 150 * mib);
    }

private:
    static void writeRows(const QString& path)
    {
        QFile file(path);
        QVERIFY(file.open(QIODevice::WriteOnly));
        for (int i = 0; i < 120; ++i)
            file.write(QString("{\"messages\":[{\"role\":\"user\",\"content\":\"Question %1?\"},{\"role\":\"assistant\",\"content\":\"%2\"}]}\n")
                           .arg(i)
                           .arg(QString("The answer of row %1. ").arg(i).repeated(12))
                           .toUtf8());
    }
};

int main(int count, char** words)
{
    if (count == 5 && std::strcmp(words[1], kChild) == 0)
        return trainHere(words[2], words[3], words[4]);
    QCoreApplication application(count, words);
    TestPeakMemory test;
    return QTest::qExec(&test, count, words);
}
#include "tst_peak_memory.moc"
