// SPDX-License-Identifier: GPL-3.0-or-later
// The learning rate of every step, against transformers' schedulers and its way to count warm-up steps.
#include "engine/train/schedule.h"
#include "tests/engine/oracle_process.h"

#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>

using namespace lorikeet;

class TestScheduleParity : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyStepHasTransformersRate()
    {
        const QJsonArray cases = makeCases();
        QTemporaryDir folder;
        QFile file(folder.filePath("cases.json"));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(QJsonDocument(cases).toJson());
        file.close();
        const QString problem = test::runOracle("schedule_oracle.py", {file.fileName(), folder.filePath("rates.json")});
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        QFile result(folder.filePath("rates.json"));
        QVERIFY(result.open(QIODevice::ReadOnly));
        const QJsonArray theirs = QJsonDocument::fromJson(result.readAll()).array();
        QCOMPARE(theirs.size(), cases.size());
        for (qsizetype i = 0; i < cases.size(); ++i)
            compare(cases[i].toObject(), theirs[i].toObject());
    }

private:
    static QJsonArray makeCases()
    {
        QJsonArray cases;
        for (const char* schedule : {"cosine", "linear", "constant"})
            for (const double warmup : {0.0, 0.03, 0.1, 0.5})
                for (const int total : {1, 2, 3, 7, 50, 333})
                    cases.append(QJsonObject{{"schedule", schedule}, {"warmup_ratio", warmup}, {"total", total}, {"peak", 2e-4}});
        return cases;
    }

    static void compare(const QJsonObject& one, const QJsonObject& theirs)
    {
        Job job;
        job.recipe.schedule = one["schedule"].toString().toStdString();
        job.recipe.warmupRatio = one["warmup_ratio"].toDouble();
        job.recipe.learningRate = one["peak"].toDouble();
        const int total = one["total"].toInt();
        const QString name = QString("%1, warm-up %2, %3 steps").arg(one["schedule"].toString()).arg(job.recipe.warmupRatio).arg(total);
        QVERIFY2(train::warmupSteps(job, total) == theirs["warmup"].toInt(), qPrintable(name));
        const QJsonArray rates = theirs["rates"].toArray();
        QCOMPARE(rates.size(), qsizetype{total});
        for (int step = 1; step <= total; ++step) {
            const double wanted = rates[step - 1].toDouble();
            const double found = train::learningRateAt(job, step, total);
            QVERIFY2(std::abs(found - wanted) <= 1e-12 * job.recipe.learningRate, qPrintable(QString("%1, step %2: %3, %4 there").arg(name).arg(step).arg(found).arg(wanted)));
        }
    }
};

QTEST_GUILESS_MAIN(TestScheduleParity)
#include "tst_schedule_parity.moc"
