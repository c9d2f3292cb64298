// SPDX-License-Identifier: GPL-3.0-or-later
// What a whole training process takes at its peak, as the system counts it, against the plan with its named terms; so too while its
// model is read (and quantised) into the arena. Each job is a process of its own: this program called again. Prints a table.
#include "engine/base/system.h"
#include "tests/engine/train/measured_run.h"

#include <QFile>
#include <QtTest>

#include <cmath>

using namespace lorikeet;

namespace {

constexpr double kMiB = 1 << 20;
// The bounds that the project promises.
constexpr double kShare = 0.02;
constexpr double kAbsolute = 60 * kMiB;
/// A larger share of this machine's memory is not taken by a test.
constexpr double kMostOfMachine = 0.7;

struct Row {
    const char* name;
    test::MeasuredJob job;
};

/// Jobs that end with a checkpoint.
const Row kJobs[] = {
    {"mini lora bf16, 256 slots", {"mini", 0, "recipe.context=128 recipe.micro_batch=2 recipe.rank=4", true}},
    {"mini lora fp32", {"mini", 0, "recipe.precision=fp32", true}},
    {"mini keep all, dropout", {"mini", 0, "recipe.precision=fp32 recipe.recompute=0 recipe.dropout=0.1 recipe.micro_batch=8", true}},
    {"mini full adamw", {"mini", 0, "recipe.method=full recipe.precision=fp32", true}},
    {"mini nf4, 8192 slots", {"mini", 0, "recipe.quantization=nf4 recipe.context=2048 recipe.micro_batch=4 recipe.recompute=3", true}},
    {"mini int8, sample", {"mini", 0, "recipe.quantization=int8 recipe.precision=fp32 run.sample_prompt=hello run.sample_tokens=8", true}},
    {"mini 16384 slots", {"mini", 0, "recipe.context=4096 recipe.micro_batch=4 recipe.recompute=2 data.validation_fraction=0.1", true}},
    {"135M lora bf16", {"SmolLM2-135M", 0, ""}},
    {"135M lora bf16, 1 thread", {"SmolLM2-135M", 0, "run.threads=1"}},
    {"135M nf4 fp32, 4 threads", {"SmolLM2-135M", 0, "run.threads=4 recipe.quantization=nf4 recipe.precision=fp32"}},
    {"mini full adamw, 8 threads", {"mini", 0, "recipe.method=full run.threads=8", true}},
    {"135M keep all fp32", {"SmolLM2-135M", 0, "recipe.precision=fp32 recipe.recompute=0 recipe.micro_batch=4"}},
    {"135M nf4 bf16", {"SmolLM2-135M", 0, "recipe.quantization=nf4"}},
    {"135M nf4 single fp32", {"SmolLM2-135M", 0, "recipe.quantization=nf4 recipe.double_quantization=false recipe.precision=fp32"}},
    {"135M int8 bf16", {"SmolLM2-135M", 0, "recipe.quantization=int8 recipe.recompute=2"}},
    {"135M full adamw bf16", {"SmolLM2-135M", 0, "recipe.method=full"}},
    {"135M full adamw_8bit fp32", {"SmolLM2-135M", 0, "recipe.method=full recipe.precision=fp32 recipe.optimizer=adamw_8bit"}},
    {"135M full lion bf16", {"SmolLM2-135M", 0, "recipe.method=full recipe.optimizer=lion recipe.recompute=3"}},
    {"135M full sgd bf16", {"SmolLM2-135M", 0, "recipe.method=full recipe.optimizer=sgd"}},
    {"135M full plain sgd fp32", {"SmolLM2-135M", 0, "recipe.method=full recipe.optimizer=sgd recipe.momentum=0 recipe.precision=fp32"}},
    {"135M sample, evaluation", {"SmolLM2-135M", 0, "run.sample_prompt=hello run.sample_tokens=4 data.validation_fraction=0.4"}},
    {"135M loss chunk 2048", {"SmolLM2-135M", 0, "recipe.loss_chunk=2048 recipe.context=1024 recipe.micro_batch=2"}},
    {"135M rank 128", {"SmolLM2-135M", 0, "recipe.rank=128 recipe.targets=q,v recipe.optimizer=adamw_8bit"}},
    {"135M pissa bf16", {"SmolLM2-135M", 0, "recipe.adapter_init=pissa"}},
    {"135M lora, trained tables", {"SmolLM2-135M", 0, "recipe.also_train=embeddings,norms"}},
    {"135M layers, inputs on the host", {"SmolLM2-135M", 0, "recipe.offload_layers=20 recipe.offload_activations=true recipe.recompute=3"}},
    {"starter lora bf16", {"starter", 0, ""}},
    {"starter dora fp32", {"starter", 0, "recipe.dora=true recipe.precision=fp32"}},
    {"starter nf4 fp32", {"starter", 0, "recipe.quantization=nf4 recipe.precision=fp32"}},
    {"starter full adamw_8bit", {"starter", 0, "recipe.method=full recipe.optimizer=adamw_8bit data.validation_fraction=0.4"}},
};

/// Jobs that end after their last step: their checkpoints would be gigabytes.
const Row kLargeJobs[] = {
    {"0.5B lora bf16", {"Qwen2.5-0.5B", 0, "", false, false}},
    {"0.5B nf4, loss chunk 1024", {"Qwen2.5-0.5B", 0, "recipe.quantization=nf4 recipe.loss_chunk=1024 recipe.context=1024", false, false}},
    {"0.5B full sgd bf16", {"Qwen2.5-0.5B", 0, "recipe.method=full recipe.optimizer=sgd", false, false}},
    {"0.6B lora fp32", {"Qwen3-0.6B", 0, "recipe.precision=fp32 recipe.context=1024", false, false}},
    {"0.6B 16384 slots, whole blocks", {"Qwen3-0.6B", 0, "recipe.context=4096 recipe.micro_batch=4 recipe.recompute=3", false, false}},
    {"0.6B int8", {"Qwen3-0.6B", 0, "recipe.quantization=int8", false, false}},
    {"1B lora bf16", {"Llama-3.2-1B", 0, "", false, false}},
    {"1B nf4", {"Llama-3.2-1B", 0, "recipe.quantization=nf4 recipe.recompute=2", false, false}},
    {"1.1B, 8 layers, host memory", {"TinyLlama-1.1B", 8, "recipe.offload_layers=6 recipe.offload_embedding=true recipe.offload_activations=true", false, false}},
    {"4B, 6 layers, nf4", {"Qwen3-4B", 6, "recipe.quantization=nf4", false, false}},
    {"4B, 6 layers, lora fp32", {"Qwen3-4B", 6, "recipe.precision=fp32", false, false}},
    {"0.6B 8192 slots, keep all", {"Qwen3-0.6B", 0, "recipe.context=4096 recipe.micro_batch=2 recipe.recompute=0", false, false}},
    {"0.6B full adamw bf16", {"Qwen3-0.6B", 0, "recipe.method=full", false, false}},
};

}  // namespace

class TestPeakMemory : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        QVERIFY2(QFile::exists(LORIKEET_STARTER_MODEL), "the starter model is missing: set LORIKEET_STARTER_MODEL");
        const QString problem = m_runs.prepare();
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        qInfo("%-32s %9s %9s %9s %9s %8s %10s", "job", "arena MiB", "plan MiB", "peak MiB", "error MiB", "percent", "loaded MiB");
    }
    void peakIsThePlan_data() { addRows(kJobs, std::size(kJobs)); }
    void peakIsThePlan() { measure(kJobs); }
    void peakOfLargeJobsIsThePlan_data() { addRows(kLargeJobs, std::size(kLargeJobs)); }
    void peakOfLargeJobsIsThePlan() { measure(kLargeJobs); }

private:
    static void addRows(const Row* rows, std::size_t count)
    {
        QTest::addColumn<int>("index");
        for (std::size_t i = 0; i < count; ++i)
            QTest::newRow(rows[i].name) << static_cast<int>(i);
    }
    void measure(const Row* rows)
    {
        QFETCH(int, index);
        const Row* row = rows + index;
        const auto planned = static_cast<double>(m_runs.plannedBytes(m_runs.jobOf(row->job)));
        const auto machine = static_cast<double>(hostMemory().totalBytes);
        if (planned > kMostOfMachine * machine)
            QSKIP(qPrintable(QString("needs %1 MiB, this machine has %2").arg(planned / kMiB, 0, 'f', 0).arg(machine / kMiB, 0, 'f', 0)));
        const test::MeasuredReport report = m_runs.run(row->job);
        QVERIFY2(report.problem.isEmpty(), qPrintable(report.problem));
        QVERIFY2(!report.values.contains("error"), qPrintable(report.values["said"].toString()));
        QCOMPARE(report.values["steps"].toInt(), 2);
        const double plan = report.of("plan");
        const double error = report.of("peak") - plan;
        qInfo("%-32s %9.0f %9.0f %9.0f %+9.1f %+7.2f%% %10.0f", row->name, report.of("arena") / kMiB, plan / kMiB, report.of("peak") / kMiB, error / kMiB,
              100 * error / plan, report.of("loaded") / kMiB);
        QVERIFY(std::abs(error) <= kShare * plan + kAbsolute);
        // The arena is there when loading begins: what loading takes beside it is what it takes beside its plan.
        const double withArena = report.of("arena") + report.of("context");
        QVERIFY(report.of("loaded") > report.of("arena"));
        QVERIFY2(report.of("loaded") <= (1 + kShare) * withArena + kAbsolute,
                 qPrintable(QString("loading took %1 MiB beside arena and program").arg((report.of("loaded") - withArena) / kMiB, 0, 'f', 1)));
    }

    test::MeasuredRuns m_runs;
};

int main(int count, char** words)
{
    return test::measuredMain(count, words, [&] {
        QCoreApplication application(count, words);
        TestPeakMemory test;
        return QTest::qExec(&test, count, words);
    });
}
#include "tst_peak_memory.moc"
