// SPDX-License-Identifier: GPL-3.0-or-later
// Never wrong in the dangerous direction: a job that is planned to fit runs where the system refuses every byte beyond the plan, and one
// that is planned not to fit is refused before its weights are read.
#include "tests/engine/train/measured_run.h"

#include "engine/base/error.h"

#include <QFile>
#include <QtTest>

using namespace lorikeet;

namespace {

struct Row {
    const char* name;
    test::MeasuredJob job;
};

const Row kJobs[] = {
    {"mini lora fp32", {"mini", 0, "recipe.precision=fp32", true}},
    {"mini nf4, 8192 slots", {"mini", 0, "recipe.quantization=nf4 recipe.context=2048 recipe.micro_batch=4 recipe.recompute=3", true}},
    {"135M lora bf16", {"SmolLM2-135M", 0, ""}},
    {"135M nf4 fp32", {"SmolLM2-135M", 0, "recipe.quantization=nf4 recipe.precision=fp32"}},
    {"135M full adamw bf16", {"SmolLM2-135M", 0, "recipe.method=full"}},
    {"135M offloaded", {"SmolLM2-135M", 0, "recipe.offload_activations=true recipe.offload_layers=10"}},
    {"starter int8, sample", {"starter", 0, "recipe.quantization=int8 run.sample_prompt=hello run.sample_tokens=4"}},
};

}  // namespace

class TestMemoryLimit : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        QVERIFY2(QFile::exists(LORIKEET_STARTER_MODEL), "the starter model is missing: set LORIKEET_STARTER_MODEL");
        const QString problem = m_runs.prepare();
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
    }

    void whatIsPlannedToFitRunsInThePlan_data() { addRows(); }
    void whatIsPlannedToFitRunsInThePlan()
    {
        QFETCH(int, index);
        const test::MeasuredReport report = m_runs.run(kJobs[index].job, {.limited = true});
        QVERIFY2(report.problem.isEmpty(), qPrintable(report.problem));
        QVERIFY2(!report.values.contains("error"), qPrintable(report.values["error"].toString()));
        QCOMPARE(report.values["steps"].toInt(), 2);
    }

    void whatDoesNotFitIsRefusedBeforeTheWeightsAreRead_data() { addRows(); }
    void whatDoesNotFitIsRefusedBeforeTheWeightsAreRead()
    {
        QFETCH(int, index);
        const test::MeasuredReport report = m_runs.run(kJobs[index].job, {.limited = true, .lacking = 0.3});
        QVERIFY2(report.problem.isEmpty(), qPrintable(report.problem));
        QCOMPARE(report.values["code"].toInt(), exitCodeOf(ErrorCode::DoesNotFit));
        QCOMPARE(report.values["loaded"].toBool(), false);
    }

private:
    static void addRows()
    {
        QTest::addColumn<int>("index");
        for (std::size_t i = 0; i < std::size(kJobs); ++i)
            QTest::newRow(kJobs[i].name) << static_cast<int>(i);
    }

    test::MeasuredRuns m_runs;
};

int main(int count, char** words)
{
    return test::measuredMain(count, words, [&] {
        QCoreApplication application(count, words);
        TestMemoryLimit test;
        return QTest::qExec(&test, count, words);
    });
}
#include "tst_memory_limit.moc"
